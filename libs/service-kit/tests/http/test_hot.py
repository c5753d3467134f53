"""The hot road and the general one do the same: these run on both, unless they say otherwise."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, Request, Response
from service_kit.http.access import Access
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.hot import JSON_HEAD, HotAnswer, HotCall
from service_kit.http.internal_token import InternalToken
from service_kit.http.problems import INVALID_REQUEST, Problem, ProblemError
from service_kit.http.requests import log_also, log_request_as, request_id_of
from service_kit.http.routes import LeanRoute
from testkit.http import live_server

PATH = "/things"
TOKEN = "a-token-of-the-services"
HOST = {"Host": "kit"}


class Busy(Exception):
    """Raised when the service is busy."""


class Things:
    """What both roads do: it echoes the body, or does what the body says."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.roads: list[str] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def do(self, body: bytes, road: str) -> bytes:
        self.roads.append(road)
        await self.may_go_on.wait()
        self.done.append(body)
        match body:
            case b"busy":
                raise Busy
            case b"refuse":
                raise ProblemError(
                    INVALID_REQUEST, "No.", trace_id="t-1", headers=[("X-Why", "so")]
                )
            case b"crash":
                raise ZeroDivisionError
        return b'{"said":%b}' % json.dumps(body.decode("latin-1")).encode()

    def hot(self, request):
        if request.body == b"not mine":
            return None
        return self._hot(request)

    async def _hot(self, request):
        request.fields["user"] = "u-1"
        said = await self.do(request.body, "hot")
        return HotAnswer(202, said, JSON_HEAD + b"location: /things/1\r\n")

    async def general(self, request: Request) -> Response:
        body = await read_body(request)
        log_also(request.scope, user="u-1")
        said = await self.do(body, "general")
        log_request_as(request, "thing.done")
        assert request_id_of(request)
        headers = {"Location": "/things/1"}
        return Response(said, 202, headers, "application/json")


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def app(things):
    router = APIRouter(route_class=LeanRoute)
    router.add_api_route(PATH, things.general, methods=["POST"], summary="Do a thing")
    return build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={Busy: Problem(503, "busy", "Try again", timedelta(seconds=2))},
        checks={},
        admission=Admission(
            max_body_bytes=1000,
            access=Access(service="kit", listens_on="127.0.0.1"),
            token=InternalToken(TOKEN),
        ),
        docs=True,
        answer_headers=((b"x-content-type-options", b"nosniff"),),
        hot_calls=[HotCall(path=PATH, handle=things.hot, event="thing.done", unless=(b"prefer",))],
    )


@pytest.fixture(params=["hot", "general"])
def road(request) -> str:
    return request.param


@pytest.fixture
async def ask(app, road):
    """Post a body; `expect` is the road it goes on a server that has hot calls."""
    headers = {"X-Internal-Token": TOKEN}
    async with (
        live_server(app, hot=road == "hot") as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client,
    ):

        async def post(content=b"hello", path=PATH, method="POST", **options):
            return await client.request(method, path, content=content, **options)

        yield post


async def test_a_plain_request_is_answered_alike(ask, things, road, logged):
    answer = await ask(headers={"X-Request-ID": "r-1"})

    assert (answer.status_code, answer.json()) == (202, {"said": "hello"})
    assert answer.headers["X-Request-ID"] == "r-1"
    assert answer.headers["Location"] == "/things/1"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Date" in answer.headers
    assert things.roads == [road]
    [line] = logged()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp")
    assert line == {
        "level": "info",
        "event": "thing.done",
        "service": "kit",
        "logger": "service_kit.http.requests",
        "request_id": "r-1",
        "method": "POST",
        "path": PATH,
        "status": 202,
        "user": "u-1",
    }


async def test_metrics_count_both_roads_as_one_route(ask, app):
    await ask()
    await ask(b"busy")

    labels = {"service": "kit", "method": "POST", "route": PATH}
    value = app.state.registry.get_sample_value
    assert value("http_requests_total", labels | {"status": "202"}) == 1
    assert value("http_requests_total", labels | {"status": "503"}) == 1
    assert value("http_request_duration_seconds_count", labels) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"busy", (503, "busy", ("retry-after", "2"), "warning")),
        (b"refuse", (422, "invalid_request", ("x-why", "so"), None)),
        (b"crash", (500, "internal_error", None, "error")),
    ],
)
async def test_errors_are_answered_and_logged_alike(ask, things, road, logged, body, expected):
    status, code, header, level = expected
    answer = await ask(body, headers={"X-Request-ID": "r-1"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == "r-1"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert header is None or header in answer.headers.items()
    *before, line = logged()
    assert (line["event"], line["status"], line["user"]) == ("request.served", status, "u-1")
    assert [each["level"] for each in before] == ([level] if level else [])
    assert all(each["request_id"] == "r-1" for each in before)
    assert things.done == [body], "what was taken on is never tried again on the other road"
    assert things.roads == [road]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"X-Internal-Token": "wrong"}}, 401),
        ({"headers": {"Host": "evil.example"}}, 421),
        ({"headers": {"Origin": "https://evil.example"}}, 403),
        ({"content": b"x" * 1001}, 413),
        ({"method": "HEAD"}, 405),
        ({"method": "PUT"}, 405),
        ({"headers": [("X-Internal-Token", TOKEN), ("X-Internal-Token", TOKEN)]}, 401),
    ],
)
async def test_what_is_not_admitted_is_refused_alike(ask, things, options, status):
    answer = await ask(**options)

    assert answer.status_code == status
    assert things.done == []


async def _two_pieces():
    yield b"in "
    yield b"pieces"


@pytest.mark.parametrize(
    "options",
    [
        {"content": b"not mine"},
        {"path": f"{PATH}?a=b"},
        {"path": f"{PATH}/"},
        {"content": _two_pieces},
        {"headers": {"Prefer": "wait=1"}},
        {"headers": {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}},
        {"headers": {"Expect": "100-continue"}},
        {"headers": [("X-Twice", "1"), ("X-Twice", "2")]},
    ],
)
async def test_whatever_is_unusual_goes_the_general_road(ask, things, options):
    content = options.get("content", b"hello")
    answer = await ask(**options | {"content": content() if callable(content) else content})

    assert things.roads == (["general"] if "?" not in options.get("path", "") else [])
    assert answer.status_code == (202 if things.roads else 422)


def plain(body: bytes, *lines: bytes, version: bytes = b"1.1") -> bytes:
    """Write a request by hand."""
    head = (b"POST /things HTTP/" + version, b"Host: kit", b"X-Internal-Token: " + TOKEN.encode())
    return b"\r\n".join((*head, *lines, b"Content-Length: %d" % len(body), b"", body))


async def test_answers_keep_the_order_of_the_requests_of_one_connection(dial, things):
    wire = await dial()
    await wire.send(plain(b"1") + plain(b"2", b"Prefer: wait=1") + plain(b"3"))

    said = [json.loads((await wire.answer())[2])["said"] for _ in range(3)]
    assert said == ["1", "2", "3"]
    await wire.send(plain(b"4"))
    assert json.loads((await wire.answer())[2])["said"] == "4"
    assert (things.roads[0], things.roads[-1]) == ("hot", "hot")


async def test_a_body_may_come_in_pieces(dial, things):
    wire = await dial()
    whole = plain(b"hello")
    for place in range(len(whole)):
        await wire.send(whole[place : place + 1])
        await asyncio.sleep(0)

    assert json.loads((await wire.answer())[2]) == {"said": "hello"}
    assert things.roads == ["hot"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(plain(b"x", b"Connection: close"), "hot"), (plain(b"x", version=b"1.0"), "general")],
)
async def test_a_connection_ends_where_the_client_says_so(dial, things, request_, expected):
    wire = await dial()
    await wire.send(request_)

    status, headers, _ = await wire.answer()
    assert (status, headers[b"connection"]) == (202, b"close")
    assert await wire.rest() == b""
    assert things.roads == [expected]


@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("sent", [plain(b"hello"), plain(b"hello")[:-2]], ids=["whole", "half"])
async def test_who_hangs_up_early_is_in_the_log(app, things, logged, hot, sent):
    things.may_go_on.clear()
    async with live_server(app, hot=hot) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        await writer.drain()
        await until(lambda: things.roads or sent != plain(b"hello"))
        writer.close()
        things.may_go_on.set()
        await until(logged)

    is_whole = sent == plain(b"hello")
    [line] = logged()
    assert line["status"] == (202 if is_whole else 499)
    assert things.done == ([b"hello"] if is_whole else [])


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("here", [len(plain(b"hello")), len(plain(b"hello")) - 2])
async def test_a_stop_waits_for_what_has_begun(app, things, hot, here):
    things.may_go_on.clear()
    server = live_server(app, hot=hot)
    host, port = (await server.__aenter__()).removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    whole = plain(b"hello")
    writer.write(whole[:here])
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(server.__aexit__(None, None, None))
    await asyncio.sleep(0.05)
    writer.write(whole[here:])
    things.may_go_on.set()

    answer = await reader.read()
    await stopping
    assert answer.startswith(b"HTTP/1.1 202 Accepted")
    assert b"connection: close" in answer
    assert things.done == [b"hello"]
    writer.close()


async def test_the_document_shows_the_call(ask):
    document = (await ask(b"", "/openapi.json", "GET")).json()

    assert document["paths"][PATH]["post"]["summary"] == "Do a thing"
