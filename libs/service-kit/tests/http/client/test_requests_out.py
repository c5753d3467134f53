import asyncio
from datetime import timedelta

import pytest
from asyncnotify.local.ports import free_port
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient, UpstreamTimeout, UpstreamUnavailable
from testkit.http import live_server
from testkit.scripts import read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOON = timedelta(milliseconds=300)


async def test_a_request_is_sent_as_it_is_given_and_nothing_is_added(scripted, client_of):
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


async def test_an_answer_has_status_headers_and_body(scripted, client_of):
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
    assert [value for name, value in answer.headers.items() if name == "x-tag"] == ["a", "b"]


async def test_redirects_are_answers_like_any_other(scripted, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")

    async with client_of(await scripted(script)) as client:
        assert (await client.request("GET", "/")).status == 302


async def test_cookies_are_not_kept(scripted, client_of):
    seen: list[bytes] = []

    async def script(reader, writer):
        while True:
            seen.append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with client_of(await scripted(script)) as client:
        await client.request("GET", "/")
        await client.request("GET", "/")

    assert b"Cookie" not in seen[1]


async def test_connections_are_kept(scripted, client_of):
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


async def test_a_refused_connection_means_that_nothing_was_sent(client_of):
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is False


async def test_an_unknown_host_means_that_nothing_was_sent(client_of):
    async with client_of("http://no-such-host.invalid") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is False


async def test_no_answer_in_time_means_that_it_may_have_been_sent(scripted, client_of):
    arrived = False

    async def script(reader, writer):
        nonlocal arrived
        await read_request(reader)
        arrived = True
        await reader.read()

    async with client_of(await scripted(script), timeout=SOON) as client, asyncio.timeout(60):
        while not arrived:  # on a busy machine connecting alone may take too long
            with pytest.raises(UpstreamTimeout) as caught:
                await client.request("POST", "/", body=b"x")

    assert caught.value.sent is True


async def test_the_time_limit_is_for_the_whole_answer(scripted, client_of):
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


async def test_busy_connections_are_a_timeout_before_anything_is_sent(scripted, client_of):
    is_busy = asyncio.Event()

    async def script(reader, writer):
        await read_request(reader)
        is_busy.set()
        await reader.read()

    url = await scripted(script)
    async with client_of(url, connect_timeout=timedelta(seconds=1), max_connections=1) as client:
        first = asyncio.create_task(client.request("POST", "/", body=b"x"))
        async with asyncio.timeout(60):
            await is_busy.wait()
        with pytest.raises(UpstreamTimeout) as caught:
            await client.request("POST", "/", body=b"x")
        first.cancel()

    assert caught.value.sent is False


async def test_a_cancelled_request_gives_its_connection_free(scripted, client_of):
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
async def test_nonsense_for_an_answer_is_unavailable(scripted, answer, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(answer)

    async with client_of(await scripted(script)) as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is True


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
async def test_an_answer_is_read_up_to_the_limit(wordy, path, client_of):
    async with live_server(wordy) as url, client_of(url) as client:
        size = 200_000
        answer = await client.request("GET", path, query=f"size={size}", max_response_bytes=size)
        with pytest.raises(UpstreamUnavailable, match="more than 199999 bytes"):
            await client.request("GET", path, query=f"size={size}", max_response_bytes=size - 1)

    assert len(answer.body) == size


async def test_many_requests_at_once_share_the_connections(wordy, client_of):
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
