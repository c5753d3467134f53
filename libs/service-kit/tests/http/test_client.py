import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient, UpstreamTimeout, UpstreamUnavailable
from service_kit.testing.http import live_server
from service_kit.testing.ports import free_port

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOON = timedelta(milliseconds=300)


@asynccontextmanager
async def client_of(url: str, **options) -> AsyncIterator[UpstreamClient]:
    client = UpstreamClient(url, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


def reset(writer: asyncio.StreamWriter) -> None:
    """Hang up with a reset instead of an orderly end."""
    linger_for_nothing = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(1, 13, linger_for_nothing)
    writer.close()


async def test_a_request_is_sent_as_it_is_given_and_nothing_is_added(scripted):
    seen = asyncio.Queue()

    async def script(reader, writer):
        seen.put_nowait(await read_request(reader))
        writer.write(OK)

    async with client_of(await scripted(script) + "/base/") as client:
        await client.request(
            "POST",
            "/a%2Fb/../%2E%2E//c d",
            query="x=%zz&y=1+2",
            headers={"X-Odd": "1"},
            body=b"{}",
        )

    head, _, body = (await seen.get()).partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert line == b"POST /base/a%2Fb/../%2E%2E//c d?x=%zz&y=1+2 HTTP/1.1"
    assert sorted(header.split(b":")[0] for header in headers) == [
        b"Content-Length",
        b"Host",
        b"X-Odd",
    ]
    assert body == b"{}"


async def test_an_answer_has_status_headers_and_body(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 404 Nope\r\nX-Tag: a\r\nX-Tag: b\r\nContent-Encoding: gzip\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5\r\n gzip\r\n0\r\n\r\n"
        )

    async with client_of(await scripted(script)) as client:
        answer = await client.request("GET", "/")

    assert (answer.status, answer.body) == (404, b"not gzip")
    assert answer.headers["x-tag"] == "a"
    assert [value for name, value in answer.headers.items() if name == "X-Tag"] == ["a", "b"]


async def test_redirects_are_answers_like_any_other(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")

    async with client_of(await scripted(script)) as client:
        assert (await client.request("GET", "/")).status == 302


async def test_cookies_are_not_kept(scripted):
    seen: list[bytes] = []

    async def script(reader, writer):
        while True:
            seen.append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with client_of(await scripted(script)) as client:
        await client.request("GET", "/")
        await client.request("GET", "/")

    assert b"Cookie" not in seen[1]


async def test_connections_are_kept(scripted):
    connections = 0

    async def script(reader, writer):
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(OK)

    async with client_of(await scripted(script)) as client:
        for _ in range(5):
            await client.request("POST", "/", body=b"x")

    assert connections == 1


async def test_a_refused_connection_means_that_nothing_was_sent():
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is False


async def test_an_unknown_host_means_that_nothing_was_sent():
    async with client_of("http://no-such-host.invalid") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is False


async def test_no_answer_in_time_means_that_it_may_have_been_sent(scripted):
    async def script(reader, writer):
        await reader.read()

    async with client_of(await scripted(script), timeout=SOON) as client:
        with pytest.raises(UpstreamTimeout) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is True


async def test_the_time_limit_is_for_the_whole_answer(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with client_of(await scripted(script), timeout=SOON) as client:
        with pytest.raises(UpstreamTimeout):
            await client.request("GET", "/")


async def test_busy_connections_are_a_timeout_before_anything_is_sent(scripted):
    async def script(reader, writer):
        await reader.read()

    url = await scripted(script)
    async with client_of(url, connect_timeout=SOON, max_connections=1) as client:
        first = asyncio.create_task(client.request("POST", "/", body=b"x"))
        await asyncio.sleep(0.02)
        with pytest.raises(UpstreamTimeout) as caught:
            await client.request("POST", "/", body=b"x")
        first.cancel()

    assert caught.value.sent is False


async def test_a_cancelled_request_gives_its_connection_free(scripted):
    async def script(reader, writer):
        if b"/slow" in await read_request(reader):
            await reader.read()
        writer.write(OK)

    async with client_of(await scripted(script), max_connections=1) as client:
        slow = asyncio.create_task(client.request("GET", "/slow"))
        await asyncio.sleep(0.02)
        slow.cancel()
        await asyncio.wait({slow})

        assert (await client.request("GET", "/")).body == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "half a head", "not HTTP", "half a body", "broken chunks"],
)
async def test_nonsense_for_an_answer_is_unavailable(scripted, answer):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(answer)

    async with client_of(await scripted(script)) as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is True


HANG_UPS = {"orderly": lambda writer: writer.close(), "reset": reset}


@pytest.fixture(params=HANG_UPS)
async def forgetful(request, scripted) -> tuple[str, list[bytes]]:
    """A server that hangs up when the first connection brings a second request."""
    seen: list[bytes] = []

    async def script(reader, writer):
        seen.append(await read_request(reader))
        writer.write(EMPTY)
        if len(seen) == 1:
            seen.append(await read_request(reader))
            HANG_UPS[request.param](writer)
        await reader.read()

    return await scripted(script), seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_a_repeatable_method_survives_a_closed_connection(forgetful, method):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        answer = await client.request(method, "/second", body=b"x" if method == "PUT" else None)

    assert answer.status == 200
    assert len(seen) == 3


async def test_a_post_with_an_idempotency_key_survives_a_closed_connection(forgetful):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        answer = await client.request(
            "POST", "/second", headers={"Idempotency-Key": "k"}, body=b"the body"
        )

    assert answer.status == 200
    assert [request.endswith(b"the body") for request in seen] == [False, True, True]


async def test_a_post_without_a_key_is_never_repeated(forgetful):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/second", body=b"x")

    assert caught.value.sent is True
    assert len(seen) == 2


async def test_a_repetition_that_is_refused_may_still_have_been_sent_before(scripted):
    seen: list[bytes] = []

    async def script(reader, writer):
        seen.append(await read_request(reader))

    async with client_of(await scripted(script)) as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", headers={"idempotency-key": "k"}, body=b"x")

    assert caught.value.sent is True
    assert len(seen) == 2


@pytest.fixture
def wordy() -> FastAPI:
    router = APIRouter()

    @router.get("/declared")
    async def declared(size: int) -> Response:
        return Response(b"x" * size)

    @router.get("/chunked")
    async def chunked(size: int) -> Response:
        return StreamingResponse(iter([b"x" * 1000] * (size // 1000)))

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})


@pytest.mark.parametrize("path", ["/declared", "/chunked"])
async def test_an_answer_is_read_up_to_the_limit(wordy, path):
    async with live_server(wordy) as url, client_of(url) as client:
        size = 200_000
        answer = await client.request("GET", path, query=f"size={size}", max_response_bytes=size)
        with pytest.raises(UpstreamUnavailable, match="more than 199999 bytes"):
            await client.request("GET", path, query=f"size={size}", max_response_bytes=size - 1)

    assert len(answer.body) == size


async def test_many_requests_at_once_share_the_connections(wordy):
    async with live_server(wordy) as url, client_of(url, max_connections=4) as client:
        bodies = [str(number).encode() for number in range(100)]
        answers = await asyncio.gather(
            *(client.request("POST", "/echo", body=body) for body in bodies)
        )

    assert [answer.body for answer in answers] == bodies


async def test_a_client_works_without_being_started_and_again_after_a_stop(wordy):
    async with live_server(wordy) as url:
        client = UpstreamClient(url)
        first = await client.request("POST", "/echo", body=b"1")
        await client.stop()
        second = await client.request("POST", "/echo", body=b"2")
        await client.stop()

    assert (first.body, second.body) == (b"1", b"2")


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_stream_gives_each_chunk_as_it_comes(scripted):
    go_on = asyncio.Event()

    async def script(reader, writer):
        assert (await read_request(reader)).startswith(b"GET /events?after=1 ")
        writer.write(STREAM + b"3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events", query="after=1") as stream,
    ):
        first = await anext(stream.chunks)
        go_on.set()
        rest = [chunk async for chunk in stream.chunks]

    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert (first, rest) == (b"one", [b"two"])


async def test_a_stream_that_breaks_off_is_an_error_not_an_end(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert await anext(stream.chunks) == b"one"
        with pytest.raises(UpstreamUnavailable):
            await anext(stream.chunks)


async def test_a_silent_stream_is_a_timeout(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")
        await reader.read()

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events", idle_timeout=SOON) as stream,
    ):
        await anext(stream.chunks)
        with pytest.raises(UpstreamTimeout):
            await anext(stream.chunks)


async def test_a_stream_outlives_the_time_limit_of_requests(scripted):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM)
        for _ in range(12):
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.03)
        writer.write(b"0\r\n\r\n")

    async with (
        client_of(await scripted(script), timeout=SOON) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert b"".join([chunk async for chunk in stream.chunks]) == b"x" * 12


async def test_a_stream_that_can_not_be_opened_is_unavailable():
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            async with client.stream("GET", "/events"):
                pass

    assert caught.value.sent is False


async def test_leaving_a_stream_hangs_up(scripted):
    left = asyncio.Event()

    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")
        await reader.read()
        left.set()

    async with client_of(await scripted(script)) as client:
        async with client.stream("GET", "/events") as stream:
            await anext(stream.chunks)
        async with asyncio.timeout(5):
            await left.wait()


async def test_watchers_never_block_requests(scripted):
    async def script(reader, writer):
        if b"/events" in await read_request(reader):
            writer.write(STREAM + b"3\r\none\r\n")
            await reader.read()
        writer.write(OK)

    url = await scripted(script)
    async with (
        client_of(url, max_connections=1) as client,
        client.stream("GET", "/events") as one,
        client.stream("GET", "/events") as two,
    ):
        await anext(one.chunks)
        await anext(two.chunks)
        assert (await client.request("GET", "/")).body == b"ok"
