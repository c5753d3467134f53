import asyncio
import contextlib
import http.server
import io
import json
import logging
import threading
from datetime import UTC, datetime

import pytest
from notification_contracts.states import Reason
from notification_providers.chat.provider import AppriseProvider
from notification_providers.port import (
    Accepted,
    FaultSide,
    Misconfigured,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext


class Service(http.server.ThreadingHTTPServer):
    """A chat service on loopback, which Apprise calls with its Mattermost plugin."""

    def __init__(self):
        self.status, self.got, self.answers = 200, [], threading.Event()
        self.answers.set()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def stop(self):
        self.answers.set()
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, json.loads(body)))
        self.server.answers.wait(60)
        if self.server.status is not None:
            with contextlib.suppress(OSError):
                self.send_response(self.server.status)
                self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def service():
    running = Service()
    yield running
    running.stop()


def open_apprise(service, rest="", path="abcdefgh1234"):
    url = f"apprise+mmost://127.0.0.1:{service.server_port}/{path}{rest}"
    context = ProviderContext("chat", now=lambda: datetime.now(UTC))
    provider, _ = PROVIDERS.open(url, context, Limits())
    return provider


def message(address="town-square", text="5 < 6 & *bold*"):
    return OutgoingMessage(
        trace_id="t-1",
        channel="chat",
        attempt=1,
        idempotency_key="t-1",
        address=address,
        message=text,
        subject="Thanks",
    )


async def send(provider, *args, **kwargs):
    try:
        return await provider.send(message(*args, **kwargs))
    finally:
        await provider.close()


async def test_it_reaches_the_service_as_it_is(service):
    assert await send(open_apprise(service)) == Accepted()

    [(path, body)] = service.got
    assert path == "/hooks/abcdefgh1234"
    assert "5 < 6 & *bold*" in body["text"]
    assert "Thanks" in body["text"]


async def test_the_address_stands_where_the_url_has_room_for_it(service):
    provider = open_apprise(service, rest="?to={address}")

    assert await send(provider, "off-topic") == Accepted()

    assert service.got[0][1]["channel"] == "off-topic"


@pytest.mark.parametrize(
    "address", ["x&botname=Root", "x/../../y", "@ada", "a,b", "a b", "?to=x", "%00", "\u2028"]
)
async def test_what_is_no_single_recipient_is_told_to_nobody(service, address):
    """Apprise posts what has no recipient to where the hook belongs, for all to read."""
    provider = open_apprise(service, rest="?to={address}&botname=AsyncNotify")

    answer = await send(provider, address)

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.INVALID_ADDRESS
    assert answer.fault is FaultSide.RECIPIENT
    assert service.got == []


def rejected(status, **fields):
    detail = f"the service answered {status}"
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail, **fields)


@pytest.mark.parametrize(
    ("status", "rest", "answer"),
    [
        (
            429,
            "",
            TransientFailure(reason=Reason.RATE_LIMITED, detail="the service answered 429"),
        ),
        (
            503,
            "",
            TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="the service answered 503"),
        ),
        (500, "", UncertainFailure(detail="the service answered 500")),
        (401, "", Misconfigured(detail="the service answered 401")),
        (403, "", Misconfigured(detail="the service answered 403")),
        (404, "", rejected(404)),
        (302, "", rejected(302)),
        (404, "?to={address}", rejected(404, fault=FaultSide.RECIPIENT)),
    ],
)
async def test_what_each_answer_becomes(service, status, rest, answer):
    service.status = status

    assert await send(open_apprise(service, rest)) == answer


async def test_without_a_connection_nothing_was_sent(service):
    provider = open_apprise(service)
    service.stop()

    answer = await send(provider)

    assert answer == TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="not connected")


async def test_a_service_that_hangs_up_leaves_it_uncertain(service):
    service.status = None

    assert await send(open_apprise(service)) == UncertainFailure(detail="the connection broke")


async def test_a_service_that_is_silent_leaves_it_uncertain(service):
    service.answers.clear()

    answer = await send(open_apprise(service, "?timeout_seconds=0.5"))

    assert isinstance(answer, UncertainFailure)


async def test_there_are_no_more_calls_than_threads(service):
    service.answers.clear()
    provider = open_apprise(service, "?timeout_seconds=60&concurrency=2")
    under_way = [asyncio.create_task(provider.send(message())) for _ in range(2)]
    while len(service.got) < 2:
        await asyncio.sleep(0.01)

    refused = await provider.send(message())
    service.answers.set()

    assert isinstance(refused, TransientFailure)
    assert await asyncio.gather(*under_way) == [Accepted(), Accepted()]
    assert await send(provider) == Accepted()


async def test_neither_text_nor_token_is_logged(service):
    service.status = 500
    root, written = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        await send(open_apprise(service), text="the code is 4711")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    assert "4711" not in written.getvalue()
    assert "abcdefgh1234" not in written.getvalue()


@pytest.mark.parametrize(
    "url",
    [
        "apprise+nosuch://host",
        "apprise+slack://one",
        "apprise+json://{address}/x",
        "apprise+mmost://host/abcdefgh1234?nowhere={address}",
    ],
)
def test_settings_that_make_no_sense_are_refused(url):
    context = ProviderContext("chat", now=lambda: datetime.now(UTC))

    with pytest.raises(InvalidProviderUrl):
        PROVIDERS.open(url, context, Limits())


@pytest.mark.parametrize(
    "url",
    [
        "apprise+mailtos://user:pw@example.org?to={address}",
        "apprise+tgram://123456789%3Aabcdefg_hijklmnop/{address}",
        "apprise+signal://localhost:8080/+12025550100/{address}",
        "apprise+whatsapp://token@123456/{address}",
        "apprise+slack://xoxb-1234-1234-abc124/{address}",
    ],
)
def test_whatever_a_service_takes_for_an_address_it_can_be_given(url):
    context = ProviderContext("chat", now=lambda: datetime.now(UTC))

    PROVIDERS.open(url, context, Limits())


def test_its_limits_are_not_apprises():
    context = ProviderContext("chat", now=lambda: datetime.now(UTC))

    provider, limits = PROVIDERS.open(
        "apprise+json://h/?timeout_seconds=2&method=PUT&concurrency=3&per_second=1",
        context,
        Limits(),
    )

    assert (limits.concurrency, limits.per_second) == (3, 1)
    assert isinstance(provider, AppriseProvider)
    assert provider.template == "json://h/?method=PUT&cto=1.8&rto=1.8"
    assert "json" in provider.name
    assert "h/" not in repr(provider)
