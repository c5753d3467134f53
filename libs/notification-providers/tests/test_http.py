import gzip
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from notification_providers.http import HttpAnswer, HttpCaller, read_retry_after
from notification_providers.port import TransientFailure, UncertainFailure
from testkit.stream_server import port_of, stream_server

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@asynccontextmanager
async def serve(reply):
    """Run a server that reads a request's head and then does what `reply` says."""

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()

    async with stream_server(handle) as server:
        yield server, f"http://127.0.0.1:{port_of(server)}/"


async def call(reply):
    caller = HttpCaller()
    async with serve(reply) as (_, url):
        answer = await caller.call("POST", url, body=b"x")
    await caller.close()
    return answer


async def test_an_answer_has_status_headers_and_body():
    answer = await call(b'HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 8\r\n\r\n{"a": 1}')

    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.headers["x-id"], answer.json()) == (201, "7", {"a": 1})


async def test_without_a_connection_nothing_was_sent():
    async with serve(b"") as (server, url):
        server.close()
        await server.wait_closed()

        assert isinstance(await HttpCaller().call("POST", url), TransientFailure)


async def test_a_header_that_can_not_be_sent_is_not_quoted():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = HttpCaller()
        answer = await caller.call(
            "POST",
            f"http://127.0.0.1:{listening.getsockname()[1]}/",
            headers={"authorization": "Bearer s3c\nret"},
            body=b"x",
        )
        await caller.close()

    assert isinstance(answer, TransientFailure)
    assert "s3c" not in answer.detail


@pytest.mark.parametrize(
    ("scheme", "kind"), [("https", TransientFailure), ("http", UncertainFailure)]
)
async def test_who_is_silent_before_tls_is_agreed_was_sent_nothing(scheme, kind):
    async def handle(reader, writer):
        await reader.read()

    caller = HttpCaller(timeout=timedelta(seconds=1))
    async with stream_server(handle) as server:
        url = f"{scheme}://127.0.0.1:{port_of(server)}/"
        answer = await caller.call("POST", url, body=b"x")
        await caller.close()

    assert isinstance(answer, kind)


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"nonsense\r\n\r\n"],
)
async def test_a_broken_answer_leaves_it_uncertain(reply):
    assert isinstance(await call(reply), UncertainFailure)


async def test_redirects_are_answers():
    answer = await call(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    )

    assert answer.status == 302
    assert not answer.is_success


async def test_a_compressed_answer_is_not_unpacked():
    packed = gzip.compress(gzip.compress(bytes(1 << 20)))
    length = f"Content-Length: {len(packed)}\r\n\r\n".encode()

    answer = await call(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n" + length + packed)

    assert answer.body == packed


async def test_no_compressed_answer_is_asked_for():
    def handle(request):
        return httpx.Response(200, content=request.headers["Accept-Encoding"])

    answer = await HttpCaller(transport=httpx.MockTransport(handle)).call("GET", "http://a/")

    assert answer.body == b"identity"


async def test_an_endless_answer_is_cut_off():
    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                yield b"x" * 65_536

    def handle(request):
        return httpx.Response(200, stream=Endless())

    answer = await HttpCaller(transport=httpx.MockTransport(handle)).call("GET", "http://a/")

    assert len(answer.body) == 256 << 10


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (None, None),
        ("60", timedelta(seconds=60)),
        ("-5", timedelta(0)),
        ("Sun, 31 Jan 2027 09:01:00 GMT", timedelta(seconds=60)),
        ("Sun, 31 Jan 2027 08:00:00 GMT", timedelta(0)),
        ("1e400", timedelta(days=365)),
        ("soon", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, asked):
    assert read_retry_after(text, NOW) == asked
