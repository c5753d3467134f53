"""What upstreams do with HTTP/1.1, and what becomes of their connections."""

import asyncio
import ssl

import pytest
import trustme
from service_kit.http.client import UpstreamUnavailable
from testkit.scripts import read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Repeated:
    """Answers each request of each connection with the same bytes; counts the connections."""

    def __init__(self, answer: bytes, *, closes: bool = False) -> None:
        self._answer = answer
        self._closes = closes
        self.connections = 0
        self.seen: list[bytes] = []

    async def __call__(self, reader, writer) -> None:
        self.connections += 1
        while True:
            try:
                self.seen.append(await read_request(reader))
            except asyncio.IncompleteReadError:
                return
            writer.write(self._answer)
            if self._closes:
                return


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
    ],
)
async def test_interim_answers_are_passed_over(scripted, client_of, before):
    upstream = Repeated(before + OK)
    async with client_of(await scripted(upstream)) as client:
        for _ in range(2):
            answer = await client.request("POST", "/", body=b"x")
            assert (answer.status, answer.body) == (200, b"ok")
            assert "link" not in answer.headers

    assert upstream.connections == 1


async def test_another_protocol_is_no_answer(scripted, client_of):
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with client_of(await scripted(Repeated(switched))) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.request("GET", "/")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        # Whatever this is, it is not the answer to the next request.
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        OK + b"garbage",
    ],
    ids=["close", "HTTP/1.0", "an answer too many", "bytes too many"],
)
async def test_a_connection_that_can_not_be_trusted_is_not_kept(scripted, client_of, answer):
    upstream = Repeated(answer)
    async with client_of(await scripted(upstream)) as client:
        outcomes = [await outcome(client.request("PUT", "/", body=b"x")) for _ in range(3)]

    assert set(outcomes) <= {b"ok", UpstreamUnavailable}
    assert upstream.connections == len(upstream.seen)


async def test_what_comes_unasked_for_answers_nothing(scripted, client_of):
    upstream = Repeated(OK)
    spoilt = asyncio.Event()

    async def script(reader, writer):
        upstream.connections += 1
        await read_request(reader)
        writer.write(OK)
        if upstream.connections == 1:
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            await reader.read()
            spoilt.set()

    async with client_of(await scripted(script)) as client:
        await client.request("POST", "/", body=b"x")
        async with asyncio.timeout(60):
            await spoilt.wait()
        assert (await client.request("POST", "/", body=b"x")).body == b"ok"

    assert upstream.connections == 2


async def test_a_body_without_a_length_ends_with_the_connection(scripted, client_of):
    upstream = Repeated(b"HTTP/1.1 200 OK\r\n\r\nall of it", closes=True)
    async with client_of(await scripted(upstream)) as client:
        assert (await client.request("POST", "/", body=b"x")).body == b"all of it"
        async with client.stream("GET", "/") as stream:
            assert b"".join([chunk async for chunk in stream.chunks]) == b"all of it"


async def test_what_follows_a_body_is_no_header(scripted, client_of):
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Key: 1\r\n\r\n"
    )
    upstream = Repeated(chunked)
    async with client_of(await scripted(upstream)) as client:
        for _ in range(2):
            answer = await client.request("POST", "/", body=b"x")
            assert (answer.body, dict(answer.headers)) == (b"ok", {"transfer-encoding": "chunked"})

    assert upstream.connections == 1


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_leaves_its_connection_to_the_next(
    scripted, client_of, status
):
    upstream = Repeated(b"HTTP/1.1 " + status + b"\r\n\r\n")
    async with client_of(await scripted(upstream)) as client:
        answers = [await client.request("DELETE", "/") for _ in range(2)]

    assert [answer.body for answer in answers] == [b"", b""]
    assert upstream.connections == 1


async def test_the_answer_to_head_has_no_body_whatever_its_length(scripted, client_of):
    upstream = Repeated(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    async with client_of(await scripted(upstream)) as client:
        answer = await client.request("HEAD", "/")

    assert (answer.body, answer.headers["Content-Length"]) == (b"", "500")


async def test_a_head_without_an_end_is_no_answer(scripted, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with client_of(await scripted(script)) as client:
        with pytest.raises(UpstreamUnavailable, match="head"):
            await client.request("GET", "/")


async def test_who_answers_before_it_has_read_all_gets_no_other_request_there(scripted, client_of):
    upstream = Repeated(OK)

    async def script(reader, writer):
        upstream.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.05)
        await reader.read(-1)

    async with client_of(await scripted(script)) as client:
        for _ in range(2):
            answer = await client.request("POST", "/", body=b"x" * 20_000_000)
            assert answer.body == b"ok"

    assert upstream.connections == 2


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/a\r\nX-Key-Kind: live", {}),
        ("/", {"X-Odd": "1\r\nX-Key-Kind: live"}),
        ("/", {"X-Odd\nX": "1"}),
        ("/", {"X-Odd": "1\r"}),
    ],
)
async def test_a_line_break_never_makes_another_header(scripted, client_of, path, headers):
    upstream = Repeated(OK)
    async with client_of(await scripted(upstream)) as client:
        with pytest.raises(ValueError, match="line break"):
            await client.request("GET", path, headers=headers)

    assert upstream.seen == []


async def test_a_user_and_password_in_the_url_are_sent_and_not_shown(scripted, client_of):
    upstream = Repeated(OK)
    url = (await scripted(upstream)).replace("http://", "http://ada:s%40crt@")
    async with client_of(url) as client:
        await client.request("GET", "/")

    assert b"\r\nAuthorization: Basic YWRhOnNAY3J0\r\n" in upstream.seen[0]
    assert b"\r\nHost: 127.0.0.1:" in upstream.seen[0]


@pytest.fixture
async def secure_url(tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = await asyncio.start_server(Repeated(OK), "127.0.0.1", 0, ssl=context)
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_an_upstream_behind_tls_is_asked_like_any_other(secure_url, client_of):
    async with client_of(secure_url) as client:
        for _ in range(2):
            assert (await client.request("POST", "/", body=b"x")).body == b"ok"
        async with client.stream("GET", "/") as stream:
            assert [chunk async for chunk in stream.chunks] == [b"ok"]


async def test_a_certificate_for_somebody_else_means_that_nothing_was_sent(secure_url, client_of):
    async with client_of(secure_url.replace("localhost", "127.0.0.1")) as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", body=b"x")

    assert caught.value.sent is False


async def outcome(asking) -> object:
    try:
        return (await asking).body
    except UpstreamUnavailable as error:
        return type(error)
