"""Attackers at a gateway that may open 1,024 files, and those who must get in all the same."""

import asyncio
import json
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from testkit.http import live_server

CEILING = 60
DESCRIPTORS = 1024
# This many fill the descriptors of a gateway that lets them, besides its own.
HOLDERS = 1008
STREAMS = 505

HALF_HEAD = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
IDLE = b""
STREAM = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def quiet_service(scope, receive, send):
    """Answer each call with a 200; a stream says something once, and stays."""
    if scope["type"] == "lifespan":
        return
    is_stream = scope["path"] == "/events"
    kind = b"text/event-stream" if is_stream else b"application/json"
    headers = [(b"content-type", kind)]
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}", "more_body": is_stream})
    while is_stream and (await receive())["type"] != "http.disconnect":
        pass


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


@asynccontextmanager
async def gateway_process(service_url: str, **settings: str) -> AsyncIterator[str]:
    environment = {
        "GATEWAY_PORT": "0",
        "PUBLISHER_URL": service_url,
        "USER_SERVICE_URL": service_url,
        "LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env=os.environ | environment | settings,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=few_descriptors,
    )
    assert process.stdout
    try:
        url = await ready_url(process.stdout)
        # A log that nobody reads would hold it up sooner than any attacker.
        reading = asyncio.create_task(process.stdout.read())
        yield url
    finally:
        process.kill()
        await process.wait()
    await reading


async def ready_url(output: asyncio.StreamReader) -> str:
    async with asyncio.timeout(CEILING):
        while True:
            line = json.loads(await output.readline())
            if line["event"] == "service.ready":
                return line["url"]


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[str]:
    async with live_server(quiet_service) as service_url, gateway_process(service_url) as url:
        yield url


@asynccontextmanager
async def held(url: str, count: int, first: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Hold `count` connections on which `first` was sent and nothing more."""
    host, port = url.removeprefix("http://").split(":")
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            writer.write(first)
            readers.append(reader)
        yield readers


async def gets_in(url: str, method: str, path: str) -> httpx.Response:
    """Ask, on a new connection each time, until the answer is a 200: as an honest client would."""
    async with asyncio.timeout(CEILING):
        while True:
            try:
                async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
                    content = b"{}" if method == "POST" else None
                    answer = await client.request(method, url + path, content=content)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return answer


@pytest.fixture(autouse=True)
def room_for_the_attack():
    """The attacker, who is this process, needs descriptors of its own."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    "sent", [HALF_HEAD, HALF_BODY, IDLE], ids=["half heads", "half bodies", "idle"]
)
async def test_a_thousand_held_connections_do_not_lock_others_out(gateway, sent):
    async with held(gateway, HOLDERS, sent):
        await gets_in(gateway, "GET", "/health/live")
        await gets_in(gateway, "POST", "/notifications")
        await gets_in(gateway, "GET", "/dead-letters")


async def test_streams_leave_room_for_requests(gateway):
    async with held(gateway, STREAMS, STREAM) as readers:
        async with asyncio.timeout(CEILING):
            heads = [await reader.readuntil(b"\r\n\r\n") for reader in readers]
        refused = [head for head in heads if head.startswith(b"HTTP/1.1 503 ")]
        opened = [head for head in heads if head.startswith(b"HTTP/1.1 200 ")]

        assert len(opened) + len(refused) == STREAMS
        assert 0 < len(opened) < STREAMS
        assert b"retry-after" in refused[-1].lower()
        await gets_in(gateway, "GET", "/health/live")
        await gets_in(gateway, "POST", "/notifications")


async def test_a_stream_that_ends_leaves_its_slot():
    async with (
        live_server(quiet_service) as service_url,
        gateway_process(service_url, MAX_STREAMS="1") as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=CEILING) as client,
    ):
        async with client.stream("GET", "/events") as first:
            second = await client.get("/events")
        third = await gets_one_event(client)

    assert (first.status_code, second.status_code, third) == (200, 503, 200)
    assert second.json()["code"] == "too_many_streams"


async def gets_one_event(client: httpx.AsyncClient) -> int:
    async with asyncio.timeout(CEILING):
        while True:
            async with client.stream("GET", "/events") as stream:
                if stream.status_code == 200:
                    return stream.status_code
