import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from asyncnotify_prove.ports import free_port
from gateway.application.ports import (
    Answer,
    Call,
    UpstreamBroken,
    UpstreamDown,
    UpstreamError,
    UpstreamSilent,
)
from gateway.infrastructure.memory import MemoryUpstream
from gateway.infrastructure.upstreams import HttpUpstream
from service_kit.http.client import UpstreamClient
from testkit.http import live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = Call(method="GET", path="/users/a%2Fb", query="a=1", headers={"x-request-id": "r"})


class UpstreamContract:
    """What every upstream does. Subclasses give `upstream`, and `told` to set up its service."""

    async def test_an_answer_comes_whole_whatever_its_status(self, upstream, told):
        told(status=418, headers={"content-type": "text/x"}, body=b"tea")

        answer = await upstream.ask(CALL)

        assert (answer.status, answer.body) == (418, b"tea")
        assert answer.headers["content-type"] == "text/x"

    async def test_a_service_that_is_down_did_nothing(self, upstream, told):
        told(is_down=True)

        with pytest.raises(UpstreamDown):
            await upstream.ask(CALL)
        with pytest.raises(UpstreamDown):
            await upstream.listen(CALL).__aenter__()
        with pytest.raises(UpstreamDown):
            await upstream.check()

    async def test_a_silent_service_is_given_up(self, upstream, told):
        told(is_silent=True)

        with pytest.raises(UpstreamSilent):
            await upstream.ask(CALL)
        with pytest.raises(UpstreamSilent):
            await upstream.listen(CALL).__aenter__()
        with pytest.raises(UpstreamError):
            await upstream.check()

    async def test_a_stream_comes_as_it_is_sent(self, upstream, told):
        told(events=[b"one", b"two"])

        async with upstream.listen(CALL) as stream:
            seen = b""
            async for chunk in stream.chunks:
                seen += chunk
                if seen == b"onetwo":
                    break

        assert stream.status == 200

    async def test_a_stream_that_breaks_off_says_so(self, upstream, told):
        told(events=[b"one"], breaks_off=True)

        async with upstream.listen(CALL) as stream:
            with pytest.raises(UpstreamError):
                async for _ in stream.chunks:
                    pass

    async def test_a_stream_that_is_refused_has_the_refusal(self, upstream, told):
        told(status=404, body=b"no")

        async with upstream.listen(CALL) as stream:
            body = b"".join([chunk async for chunk in stream.chunks])

        assert (stream.status, body) == (404, b"no")

    async def test_a_ready_service_passes_the_check(self, upstream, told):
        told(body=b"{}")

        await upstream.check()


class TestMemoryUpstream(UpstreamContract):
    @pytest.fixture
    def upstream(self):
        return MemoryUpstream()

    @pytest.fixture
    def told(self, upstream):
        def told(
            status=200, headers=None, body=b"", events=(), is_down=False, is_silent=False,
            breaks_off=False,
        ):  # fmt: skip
            upstream.script = lambda _: Answer(status=status, headers=headers or {}, body=body)
            upstream.events, upstream.stays_open = events, True
            upstream.is_down, upstream.is_silent = is_down, is_silent
            upstream.breaks_streams = breaks_off

        return told

    async def test_calls_are_kept_in_order(self, upstream):
        other = Call(method="DELETE", path="/users/b")

        await upstream.ask(CALL)
        async with upstream.listen(other):
            assert upstream.open_streams == 1

        assert upstream.calls == [CALL, other]
        assert upstream.open_streams == 0


@asynccontextmanager
async def reached(url, **options):
    client = UpstreamClient(url, **{"timeout": timedelta(seconds=0.2), **options})
    try:
        yield HttpUpstream(name="it", http=client, timeout=timedelta(seconds=0.2))
    finally:
        await client.stop()


class TestHttpUpstream(UpstreamContract):
    @pytest_asyncio.fixture(loop_scope="module")
    async def url(self, service):
        async with live_server(service) as url:
            yield url

    @pytest_asyncio.fixture(loop_scope="module")
    async def upstream(self, url):
        async with reached(url) as upstream:
            yield upstream

    @pytest.fixture
    def told(self, service, upstream):
        def told(
            status=200, headers=None, body=b"", events=(), is_down=False, is_silent=False,
            breaks_off=False,
        ):  # fmt: skip
            given = headers or {}
            service.headers = [(name.encode(), value.encode()) for name, value in given.items()]
            service.status, service.body = status, body
            service.events, service.breaks_off = list(events), breaks_off
            service.pause = 0.3 if is_silent else 0
            if is_down:
                upstream.http._base_url = f"http://127.0.0.1:{free_port()}"

        return told

    async def test_a_service_that_is_not_ready_fails_the_check(self, upstream, told):
        told(status=503)

        with pytest.raises(UpstreamBroken, match="answered 503"):
            await upstream.check()

    async def test_the_check_asks_for_readiness(self, upstream, service):
        await upstream.check()

        assert service.seen[-1]["path"] == "/health/ready"


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 999999 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 64,
    ],
)
@pytest.mark.parametrize("resets", [False, True])
async def test_what_is_no_whole_answer_is_a_broken_one(raw_service, garbage, resets):
    url = await raw_service(garbage, resets=resets)

    async with reached(url) as upstream:
        with pytest.raises(UpstreamBroken):
            await upstream.ask(Call(method="POST", path="/notifications", body=b"{}"))


async def test_an_endless_answer_is_a_broken_one(raw_service):
    url = await raw_service(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 1024)

    async with reached(url) as upstream:
        with pytest.raises(UpstreamBroken, match="bytes"):
            await upstream.ask(CALL)


async def test_header_bytes_beyond_ascii_come_back_as_they_are(raw_service):
    url = await raw_service(
        b"HTTP/1.1 200 OK\r\nLocation: /caf\xc3\xa9\xff\r\nContent-Length: 0\r\n\r\n"
    )

    async with reached(url) as upstream:
        answer = await upstream.ask(CALL)

    assert answer.headers["location"].encode("latin-1") == b"/caf\xc3\xa9\xff"


async def test_a_call_that_gets_no_connection_was_not_carried_out(service):
    service.pause = 0.3
    options = {"max_connections": 1, "connect_timeout": timedelta(seconds=0.05)}
    async with live_server(service) as url, reached(url, **options) as upstream:
        outcomes = await asyncio.gather(
            upstream.ask(CALL), upstream.ask(CALL), return_exceptions=True
        )

    assert {type(outcome) for outcome in outcomes} == {UpstreamSilent, UpstreamDown}


async def test_an_error_names_the_service(service):
    async with reached(f"http://127.0.0.1:{free_port()}") as upstream:
        with pytest.raises(UpstreamDown, match=r"^it: "):
            await upstream.ask(CALL)
