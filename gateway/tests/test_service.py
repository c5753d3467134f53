"""A service behind the gateway, asked through a real client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from asyncnotify.local.ports import free_port
from gateway.relay.problems import ServiceBroken, ServiceDown, ServiceSilent
from gateway.relay.service import Service
from service_kit.http.client import UpstreamClient, UpstreamError, UpstreamResponse, UpstreamStream
from testkit.http import live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/users/a%2Fb"
FAILURES = (ServiceBroken, ServiceDown, ServiceSilent)


@asynccontextmanager
async def reached(url, *, timeout_s=60, **options):
    timeout = timedelta(seconds=timeout_s)
    client = UpstreamClient(url, timeout=timeout, **({"connect_timeout": timeout} | options))
    try:
        yield Service(name="it", http=client, timeout=timeout)
    finally:
        await client.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def asked(service) -> AsyncIterator[Service]:
    """The service, as the gateway asks it."""
    async with live_server(service) as url, reached(url) as asked:
        yield asked


def follow(asked):
    return asked.follow("/events", query="", headers={})


async def test_an_answer_comes_whole_whatever_its_status(asked, service):
    service.answers(418, body=b"tea", content_type="text/x")

    answer = await asked.ask("GET", PATH, query="a=1", headers={"x-request-id": "r"})

    assert (answer.status, answer.body) == (418, b"tea")
    assert answer.headers["content-type"] == "text/x"


async def test_a_service_that_is_down_did_nothing():
    async with reached(f"http://127.0.0.1:{free_port()}") as asked:
        with pytest.raises(ServiceDown):
            await asked.ask("GET", PATH)
        with pytest.raises(ServiceDown):
            await follow(asked).__aenter__()
        with pytest.raises(ServiceDown):
            await asked.check()


async def test_a_silent_service_is_given_up(service):
    service.pause = 60

    async with live_server(service) as url, reached(url, timeout_s=0.6) as asked:
        with pytest.raises(ServiceSilent):
            await asked.ask("GET", PATH)
        with pytest.raises(ServiceSilent):
            await follow(asked).__aenter__()
        with pytest.raises(FAILURES):
            await asked.check()


async def test_a_stream_comes_as_it_is_sent(asked, service):
    service.events = [b"one", b"two"]

    async with follow(asked) as stream:
        assert isinstance(stream, UpstreamStream)
        seen = b""
        async for chunk in stream.chunks:
            seen += chunk
            if seen == b"onetwo":
                break

    assert stream.status == 200


async def test_a_stream_that_breaks_off_says_so(asked, service):
    service.events, service.breaks_off = [b"one"], True

    async with follow(asked) as stream:
        with pytest.raises(UpstreamError):
            async for _ in stream.chunks:
                pass


async def test_a_stream_that_is_refused_has_the_refusal(asked, service):
    service.answers(404, body=b"no")

    async with follow(asked) as refusal:
        assert isinstance(refusal, UpstreamResponse)

    assert (refusal.status, refusal.body) == (404, b"no")


async def test_a_ready_service_passes_the_check(asked, service):
    service.answers(200, body=b"{}")

    await asked.check()


async def test_a_service_that_is_not_ready_fails_the_check(asked, service):
    service.answers(503, content_type="application/problem+json")

    with pytest.raises(ServiceBroken, match="answered 503"):
        await asked.check()


async def test_the_check_asks_for_readiness(asked, service):
    await asked.check()

    assert service.paths[-1] == "/health/ready"


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

    async with reached(url) as asked:
        with pytest.raises(ServiceBroken):
            await asked.ask("POST", "/notifications", body=b"{}")


async def test_an_endless_answer_is_a_broken_one(raw_service):
    url = await raw_service(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 1024)

    async with reached(url) as asked:
        with pytest.raises(ServiceBroken, match="bytes"):
            await asked.ask("GET", PATH)


async def test_a_call_that_gets_no_connection_was_not_carried_out(service):
    service.pause = 60
    options = {"max_connections": 1, "connect_timeout": timedelta(seconds=1)}
    async with live_server(service) as url, reached(url, timeout_s=2, **options) as asked:
        outcomes = await asyncio.gather(
            asked.ask("GET", PATH), asked.ask("GET", PATH), return_exceptions=True
        )

    assert {type(outcome) for outcome in outcomes} == {ServiceSilent, ServiceDown}


async def test_an_error_names_the_service():
    async with reached(f"http://127.0.0.1:{free_port()}") as asked:
        with pytest.raises(ServiceDown, match=r"^it: "):
            await asked.ask("GET", PATH)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"checks":{"broker":{"status":"failed","error":"gone"}}}', "not ready: broker: gone"),
        (b"busy", "not ready, it answered 503"),
    ],
)
async def test_one_that_is_not_ready_says_why(asked, service, body, words):
    service.answers(503, body=body, content_type="application/problem+json")

    with pytest.raises(ServiceBroken, match=words):
        await asked.check()


async def test_a_service_that_does_not_know_the_gateway_is_broken_for_its_clients(asked, service):
    # Its 401 is about the gateway's secret: whoever asked the gateway has done nothing wrong.
    service.answers(401, body=b'{"code":"unknown_caller"}', content_type="application/problem+json")

    for asking in (asked.ask("GET", PATH), asked.check()):
        with pytest.raises(ServiceBroken, match="INTERNAL_TOKEN"):
            await asking
    with pytest.raises(ServiceBroken, match="INTERNAL_TOKEN"):
        async with follow(asked):
            pass
