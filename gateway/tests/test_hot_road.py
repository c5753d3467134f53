"""The hot road and the general one answer alike, and tell the service and the log the same."""

import asyncio
import json
import re
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from asyncnotify.local.ports import free_port
from gateway.main import build
from gateway.settings import GatewaySettings
from testkit.http import live_server
from testkit.logs import captured_logs

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = b'{"user_id":"ada","message":"hello","channel":"email"}'
TRACE_ID = "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"
# What differs from request to request, whatever the road.
VARIES = re.compile(rb"date: [^\r]*\r\n|;r=\d+;t=\d+")


class Roads:
    """The same gateway twice: once with its hot road, once without."""

    def __init__(self, place, hot_url, general_url):
        self._place = place
        self.urls = hot_url, general_url
        self._addresses = [url.removeprefix("http://").split(":") for url in self.urls]

    async def both(self, raw, prepare):
        """Send bytes on each road; return what came back, what the service saw, and the log."""
        return [await self._seen(address, raw, prepare) for address in self._addresses]

    async def one(self, road, raw, prepare):
        """Send bytes on one of them: the hot road is 0."""
        return await self._seen(self._addresses[road], raw, prepare)

    async def _seen(self, address, raw, prepare):
        service = self._place.renew()
        prepare(service)
        reader, writer = await asyncio.open_connection(*address)
        with captured_logs("gateway") as logged:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"content-length: (\d+)", head)
            body = await reader.readexactly(int(size[1])) if size else b""
            lines = [line for line in logged() if "request_id" in line]
        writer.close()
        lines = [drop(line, "duration_ms", "timestamp") for line in lines]
        return sorted(VARIES.sub(b"", head).split(b"\r\n")), body, service.seen, lines


async def new_key(roads, first, **said):
    async with httpx.AsyncClient(base_url=roads.urls[0], timeout=60) as admin:
        headers = {"Authorization": f"Bearer {first}"}
        made = await admin.post("/keys", json={"name": "x", **said}, headers=headers)
        key = made.json()["key"]
        # The hot road knows keys that were shown before.
        for url in roads.urls:
            await admin.get(f"{url}/keys", headers={"Authorization": f"Bearer {key}"})
    return key.encode()


def drop(line, *names):
    return {name: value for name, value in line.items() if name not in names}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def start(places):
    async with AsyncExitStack() as servers:

        async def both(**settings):
            urls = [
                await servers.enter_async_context(
                    live_server(build(GatewaySettings(**settings)), hot=hot)
                )
                for hot in (True, False)
            ]
            return Roads(places[0], *urls)

        yield both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def roads(places, start):
    return await start(publisher_url=places[0].url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked_roads(places, start, tmp_path_factory):
    """The roads of gateways that need keys, and what makes keys."""
    folder = tmp_path_factory.mktemp("keys")
    roads = await start(
        publisher_url=places[0].url,
        gateway_auth="keys",
        gateway_database_url=f"sqlite+aiosqlite:///{folder}/gateway.db",
        gateway_first_key_path=folder / "first-key",
        internal_token="what-services-know",
    )
    return roads, (folder / "first-key").read_text().strip()


def request(*lines, body=BODY, start=b"POST /notifications HTTP/1.1"):
    head = [start, b"Host: localhost", b"X-Request-ID: r-1", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def accepts(service):
    service.answers(
        202,
        body=b'{"trace_id":"%b"}' % TRACE_ID.encode(),
        content_type="application/json",
        location=f"/notifications/{TRACE_ID}",
        x_secret="of the service",
    )


def refuses(service):
    service.answers(
        429, body=b'{"code":"x"}', content_type="application/problem+json", retry_after="7"
    )


def fails(service):
    service.answers(500, body=b"Traceback", content_type="text/plain")


def replays(service):
    accepts(service)
    service.headers += [(b"idempotent-replayed", b"true"), (b"location", b"/caf\xc3\xa9\xff")]


REQUESTS = {
    "plain": request(),
    "a key": request(b"Idempotency-Key: k-1"),
    "what passes and what doesn't": request(b"Accept: x/y", b"X-Key-Id: me", b"TE: trailers"),
    "another type": request(b"Content-Type: text/plain"),
    "not JSON": request(body=b"\xff{"),
    "no body": request(body=b""),
    "bytes beyond ASCII": request(b"Accept: caf\xc3\xa9"),
    "a header twice": request(b"Accept: a", b"Accept: b"),
    "a wait": request(b"Prefer: wait=1"),
    "a cookie": request(b"Cookie: asyncnotify_session=x"),
    "compressed": request(b"Content-Encoding: gzip"),
    "another site": request(b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site"),
    "another host": request(b"Host: evil.example"),
    "a query": request(start=b"POST /notifications?a=1 HTTP/1.1"),
    "an encoded path": request(start=b"POST /notification%73 HTTP/1.1"),
    "HTTP/1.0": request(start=b"POST /notifications HTTP/1.0"),
    "another method": request(start=b"PATCH /notifications HTTP/1.1"),
    "too large": request(body=b"x" * 1_572_865),
    "a key that nobody needs": request(b"Authorization: Bearer an_x_y_z"),
}


@pytest.mark.parametrize("raw", REQUESTS.values(), ids=REQUESTS)
async def test_both_roads_answer_alike(roads, raw):
    hot, general = await roads.both(raw, accepts)

    assert hot == general


@pytest.mark.parametrize("prepare", [refuses, fails, replays])
async def test_both_roads_pass_on_alike_what_the_service_answers(roads, prepare):
    hot, general = await roads.both(request(), prepare)

    assert hot == general


async def test_what_is_taken_for_granted_above(roads):
    (head, body, seen, lines), _ = await roads.both(request(), accepts)

    assert b"HTTP/1.1 202 Accepted" in head
    assert b"x-content-type-options: nosniff" in head
    assert not any(b"secret" in each for each in head)
    assert json.loads(body)["trace_id"] == TRACE_ID
    assert ["x-request-id", "r-1"] in seen[0]["headers"]
    assert [line["trace_id"] for line in lines] == [TRACE_ID]


@pytest.mark.parametrize("hot", [True, False])
async def test_both_roads_say_alike_that_the_service_is_down(open_door, hot):
    async with open_door(f"http://127.0.0.1:{free_port()}", hot=hot) as door:
        answer = await door.say(request(b"Connection: close"))

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"upstream_unavailable"' in answer.replace(b'": "', b'":"')
    assert b"retry-after: 2\r\n" in answer


@pytest.mark.parametrize(
    "said",
    [
        {"scopes": ["send"]},
        {"scopes": ["send"], "kind": "test"},
        {"scopes": ["read"]},
        {"scopes": ["send"], "channels": ["email"]},
        {"scopes": ["send"], "channels": ["sms"]},
        {"scopes": ["send"], "limits": {"requests_per_second": 50}},
        {"scopes": ["send"], "limits": {"notifications_per_day": 50}},
    ],
    ids=str,
)
@pytest.mark.parametrize("line", [b"Authorization: Bearer %b", b"authorization: bearer  %b "])
async def test_both_roads_know_alike_who_comes(locked_roads, said, line):
    roads, first = locked_roads
    key = await new_key(roads, first, **said)

    hot, general = await roads.both(request(line % key), accepts)

    assert hot == general
    assert all(key.decode() not in str(each) for each in hot)


@pytest.mark.parametrize("limit", ["requests_per_second", "notifications_per_day"])
@pytest.mark.parametrize("prepare", [refuses, fails, replays])
async def test_both_roads_say_alike_what_is_left_whatever_the_answer(locked_roads, limit, prepare):
    roads, first = locked_roads
    key = await new_key(roads, first, scopes=["send"], limits={limit: 50})

    hot, general = await roads.both(request(b"Authorization: Bearer %b" % key), prepare)

    assert hot == general
    says = any(line.startswith(b"ratelimit: ") for line in hot[0])
    assert says == (prepare is not fails)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"requests_per_second": 1, "burst": 2}, "rate_limited"),
        ({"notifications_per_day": 2}, "daily_limit"),
        ({"requests_per_second": 50, "notifications_per_day": 2}, "daily_limit"),
    ],
    ids=str,
)
@pytest.mark.parametrize("road", [0, 1], ids=["hot", "general"])
async def test_both_roads_refuse_alike_what_is_too_much(locked_roads, limits, code, road):
    roads, first = locked_roads
    key = await new_key(roads, first, scopes=["send"], limits=limits)

    raw = request(b"Authorization: Bearer %b" % key)
    seen = await asyncio.gather(*(roads.one(road, raw, accepts) for _ in range(12)))

    refused = [
        (head, body) for head, body, _, _ in seen if b"HTTP/1.1 429 Too Many Requests" in head
    ]
    assert len(refused) >= 6
    for head, body in refused:
        assert json.loads(body)["code"] == code
        assert {b"retry-after", b"ratelimit", b"ratelimit-policy"} <= {
            line.partition(b":")[0] for line in head
        }


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"Authorization: Bearer an_live_nobody_has_this"],
        [b"Authorization: Basic eDp5"],
        [b"Authorization: Bearer a", b"Authorization: Bearer b"],
        [b"Cookie: asyncnotify_session=x"],
    ],
)
async def test_both_roads_turn_away_alike(locked_roads, lines):
    hot, general = await locked_roads[0].both(request(*lines), accepts)

    assert hot == general
    assert b"HTTP/1.1 401 Unauthorized" in hot[0]


async def test_a_plain_call_does_take_the_hot_road(places):
    """Without this, the tests above would compare the general road with itself."""
    app = build(GatewaySettings(publisher_url=places[0].url))
    taken = []
    calls = app.state.hot_calls
    app.state.hot_calls = Counted(calls, taken)
    async with live_server(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        await client.post("/notifications", content=BODY)
        await client.post("/notifications", content=BODY, headers={"Prefer": "wait=0"})

    assert len(taken) == 1


class Counted:
    """Hot calls, and which requests they took on."""

    def __init__(self, calls, taken):
        self.plain_request, self.answer = calls.plain_request, calls.answer
        self._calls, self._taken = calls, taken

    def take_on(self, asked):
        work = self._calls.take_on(asked)
        if work is not None:
            self._taken.append(asked)
        return work
