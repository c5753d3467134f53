"""The outermost middleware, called as a server would call it."""

import asyncio
import re

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.requests import RequestContext, log_request_as, request_id_of
from service_kit.logs import bind_contextvars
from service_kit.metrics import HttpMetrics, new_registry
from starlette.requests import ClientDisconnect
from structlog.contextvars import bound_contextvars, get_contextvars
from testkit.http import asgi_client


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.get("/id")
    async def own_id(request: Request) -> Response:
        return Response(request_id_of(request), headers={"X-Request-ID": "of-the-upstream"})

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await read_body(request))

    @router.post("/deaf")
    async def deaf() -> Response:
        return Response("not listening")

    @router.post("/notes/{note_id}")
    async def trace(note_id: str) -> Response:
        bind_contextvars(trace_id=note_id)
        return Response("noted")

    @router.post("/named")
    async def named(request: Request) -> Response:
        log_request_as(request, "thing.done", colour="red")
        return Response("done", 202)

    @router.get("/gone")
    async def gone() -> Response:
        raise ClientDisconnect

    @router.get("/half")
    async def half() -> Response:
        async def chunks():
            yield b"begun"
            raise RuntimeError("boom")

        return StreamingResponse(chunks())

    return build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={},
        checks={},
        admission=Admission(max_body_bytes=10),
    )


def served(lines: list[dict[str, object]]) -> dict[str, object]:
    [line] = [line for line in lines if line["event"] == "request.served"]
    return line


async def test_a_request_id_is_taken_over_and_given_back_once(app):
    async with asgi_client(app) as client:
        answer = await client.get("/id", headers={"X-Request-ID": "A.b_c:d-1"})

    assert answer.text == "A.b_c:d-1"
    assert answer.headers.get_list("x-request-id") == ["A.b_c:d-1"]


async def test_a_request_without_an_id_gets_one(app):
    async with asgi_client(app) as client:
        first, second = await client.get("/id"), await client.get("/id")

    assert re.fullmatch("[0-9a-f]{32}", first.text)
    assert first.text == first.headers["x-request-id"] != second.text


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "ü", 'a"b', "a\tb"])
async def test_an_odd_request_id_is_replaced(app, given):
    async with asgi_client(app) as client:
        answer = await client.get("/id", headers=[(b"x-request-id", given.encode())])

    assert re.fullmatch("[0-9a-f]{32}", answer.text)


async def test_one_line_tells_of_each_request(app, logged):
    async with asgi_client(app) as client:
        await client.get("/nowhere?token=hush", headers={"X-Request-ID": "r1"})

    line = served(logged())
    assert line.pop("duration_ms") >= 0
    del line["timestamp"]
    assert line == {
        "level": "info",
        "event": "request.served",
        "service": "kit",
        "logger": "service_kit.http.requests",
        "method": "GET",
        "path": "/nowhere",
        "status": 404,
        "request_id": "r1",
    }


async def test_a_handler_may_say_what_was_done_on_the_one_line_of_its_request(app, logged):
    async with asgi_client(app) as client:
        await client.post("/named")

    [line] = [line for line in logged() if line["logger"] == "service_kit.http.requests"]
    assert (line["event"], line["colour"], line["status"]) == ("thing.done", "red", 202)


async def test_a_trace_id_that_a_handler_binds_is_on_the_line(app, logged):
    async with asgi_client(app) as client:
        await client.post("/notes/t1")

    assert served(logged())["trace_id"] == "t1"


async def test_the_context_of_a_request_ends_with_it(app):
    async with asgi_client(app) as client:
        with bound_contextvars(request_id="outer", trace_id="outer"):
            await client.post("/notes/t1")

            assert get_contextvars() == {"request_id": "outer", "trace_id": "outer"}


@pytest.mark.parametrize("asked", ["GET /health/live", "GET /metrics", "GET /providers"])
async def test_what_is_asked_again_and_again_is_told_only_for_debugging(app, logged, asked):
    async with asgi_client(app) as client:
        await client.request(*asked.split())

    assert served(logged())["level"] == "debug"


async def test_a_long_path_is_cut_in_the_log(app, logged):
    async with asgi_client(app) as client:
        await client.get("/" + "a" * 1000)

    assert len(str(served(logged())["path"])) == 256


async def test_a_body_at_the_limit_is_taken(app):
    async with asgi_client(app) as client:
        assert (await client.post("/echo", content=b"x" * 10)).content == b"x" * 10


async def test_a_body_that_declares_too_much_is_refused_unread(app):
    async with asgi_client(app) as client:
        answer = await client.post("/deaf", content=b"x" * 11)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["detail"] == "At most 10 bytes are accepted."


async def chunks_of(size: int):
    for _ in range(size):
        yield b"x"


async def test_a_body_that_declares_nothing_is_counted(app):
    async with asgi_client(app) as client:
        answer = await client.post("/echo", content=chunks_of(11))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("declared", ["3", "0"])
async def test_a_body_that_declares_too_little_is_counted(app, declared):
    async with asgi_client(app) as client:
        answer = await client.post(
            "/echo", content=chunks_of(11), headers={"Content-Length": declared}
        )

    assert answer.status_code == 413


@pytest.mark.parametrize("declared", ["abc", "-1", "1.5", "", "+3", "0x3"])
async def test_a_content_length_that_is_no_number_is_refused(app, declared):
    async with asgi_client(app) as client:
        answer = await client.post("/echo", content=b"", headers={"Content-Length": declared})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_content_length")


async def test_an_endless_content_length_is_too_large(app):
    async with asgi_client(app) as client:
        answer = await client.post("/echo", content=b"", headers={"Content-Length": "9" * 5000})

    assert answer.status_code == 413


async def test_the_limit_holds_for_any_application():
    async def bare(scope, receive, send):
        while (await receive()).get("more_body"):
            pass

    metrics, admission = HttpMetrics(new_registry(), "kit"), Admission(max_body_bytes=10)
    context = RequestContext(bare, metrics=metrics, admission=admission)
    transport = httpx.ASGITransport(context)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
        answer = await client.post("/", content=chunks_of(11))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_without_a_limit_any_body_is_taken():
    router = APIRouter()

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await read_body(request))

    app = build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})
    async with asgi_client(app) as client:
        assert len((await client.post("/echo", content=b"x" * 300_000)).content) == 300_000


async def test_a_client_that_hangs_up_is_no_crash(app, logged):
    async with asgi_client(app) as client:
        with pytest.raises(AssertionError):  # the transport misses its answer
            await client.get("/gone")

    assert served(logged())["status"] == 499
    assert not [line for line in logged() if "exception" in line]


async def test_a_crash_in_the_middle_of_an_answer_is_logged_and_ends_it(app, logged):
    async with asgi_client(app) as client:
        with pytest.raises(AssertionError):  # the transport misses the end of the answer
            await client.get("/half")

    assert [line["event"] for line in logged()] == ["request.crashed", "request.served"]


async def test_head_is_answered_like_get_without_the_body(app):
    async with asgi_client(app) as client:
        answer = await client.head("/id", headers={"X-Request-ID": "abc"})

    assert (answer.status_code, answer.headers["content-length"]) == (200, "3")
    assert answer.content == b""


async def test_metrics_name_the_route_not_the_path(app):
    async with asgi_client(app) as client:
        await client.post("/notes/n1")
        await client.post("/notes/n2")
        await client.get("/notes/n2")
        await client.get("/nowhere")
        text = (await client.get("/metrics")).text

    counted = set(re.findall(r"^http_requests_total\{(.*?)\} (\S+)", text, re.MULTILINE))
    assert counted == {
        ('method="POST",route="/notes/{note_id}",service="kit",status="200"', "2.0"),
        ('method="GET",route="/notes/{note_id}",service="kit",status="405"', "1.0"),
        ('method="GET",route="unmatched",service="kit",status="404"', "1.0"),
    }


async def test_strange_methods_share_one_label(app):
    async with asgi_client(app) as client:
        await client.request("BREW", "/echo")
        text = (await client.get("/metrics")).text

    assert 'method="other",route="/echo"' in text
    assert "BREW" not in text


async def test_a_cancelled_request_is_logged_as_given_up(logged):
    async def hang(scope, receive, send):
        await asyncio.sleep(3600)

    async def unused(*_):
        raise AssertionError

    context = RequestContext(hang, metrics=HttpMetrics(new_registry(), "kit"))
    head = {"http_version": "1.1", "method": "GET", "headers": [(b"host", b"a")]}
    scope = {"type": "http", "path": "/slow", **head}
    request = asyncio.create_task(context(scope, unused, unused))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert served(logged())["status"] == 499
