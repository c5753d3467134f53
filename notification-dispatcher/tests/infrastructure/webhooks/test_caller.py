"""What an endpoint gets, and how many calls."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from notification_contracts.webhooks import EventKind, WebhookFormat
from notification_dispatcher.application.tell_webhook import NotCalled
from notification_dispatcher.infrastructure.circuit_breaker import CircuitBreaker
from notification_dispatcher.infrastructure.webhooks.caller import HttpEndpointCaller
from notification_ledger.webhooks.endpoints import ASKED_FOR, EndpointSettings, WebhookEvent
from notification_providers.guard import AddressGuard
from notification_providers.http import HttpCaller
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from testkit.ledger.webhook_examples import make_endpoint, make_event

NEW = "whsec_bmV3LXNlY3JldC1mb3ItdGhlLXRlc3RzLW9mLXdlYmhvb2tz"
OLD = "whsec_b2xkLXNlY3JldC1mb3ItdGhlLXRlc3RzLW9mLXdlYmhvb2tz"
STRANGE = "whsec_c3RyYW5nZS1zZWNyZXQtZm9yLXRoZS10ZXN0cy1vZi1ob29rcw=="
PAUSE = timedelta(seconds=30)


def caller_to(answer, *, at_once=2, failures=2):
    """Make a caller whose endpoints all answer through a function; it keeps what they got."""
    got = []

    async def receive(request):
        got.append(request)
        return await answer(request) if asyncio.iscoroutinefunction(answer) else answer

    caller = HttpEndpointCaller(
        http=HttpCaller(transport=httpx.MockTransport(receive)),
        at_once=at_once,
        new_breaker=lambda: CircuitBreaker(failures=failures, pause=PAUSE),
        source="https://notify.example.com",
        now=lambda: datetime.now(UTC),
    )
    return caller, got


def asked_for(key="t1"):
    return WebhookEvent(
        id="msg_1", kind=EventKind.TEST, at=datetime.now(UTC), ordering_key=key, data={}
    )


async def test_an_event_is_verified_with_the_secret_and_no_other():
    caller, got = caller_to(httpx.Response(204))
    answer = await caller.call(make_endpoint(secret=NEW), make_event())
    body, headers = got[0].content.decode(), dict(got[0].headers)

    assert answer.is_success
    assert Webhook(NEW).verify(body, headers) == {
        "type": "notification.status_changed",
        "timestamp": make_event().at.isoformat().replace("+00:00", "Z"),
        "data": make_event().data,
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(STRANGE).verify(body, headers)
    assert headers["webhook-id"] == make_event().id


async def test_while_a_secret_is_being_replaced_both_verify_it():
    caller, got = caller_to(httpx.Response(204))
    until = datetime.now(UTC) + timedelta(hours=1)
    rotated = make_endpoint(secret=NEW, former_secret=OLD, former_secret_until=until)
    await caller.call(rotated, make_event())

    for secret in (NEW, OLD):
        Webhook(secret).verify(got[0].content.decode(), dict(got[0].headers))


async def test_a_cloud_event_is_structured_and_signed():
    caller, got = caller_to(httpx.Response(204))
    settings = EndpointSettings(url="https://example.com", format=WebhookFormat.CLOUDEVENTS)
    await caller.call(make_endpoint(secret=NEW, settings=settings), make_event())
    said = Webhook(NEW).verify(got[0].content.decode(), dict(got[0].headers))

    assert got[0].headers["content-type"] == "application/cloudevents+json"
    assert said == {
        "specversion": "1.0",
        "id": make_event().id,
        "source": "https://notify.example.com",
        "type": "asyncnotify.notification.status_changed",
        "time": make_event().at.isoformat().replace("+00:00", "Z"),
        "subject": "t1",
        "datacontenttype": "application/json",
        "data": make_event().data,
    }


async def test_the_same_event_has_the_same_body_each_time():
    caller, got = caller_to(httpx.Response(503))
    for _ in range(2):
        await caller.call(make_endpoint(secret=NEW), make_event())

    assert got[0].content == got[1].content
    assert got[0].headers["webhook-id"] == got[1].headers["webhook-id"]


async def test_the_beginning_of_an_answer_is_kept():
    caller, _ = caller_to(
        httpx.Response(500, content=b"no\x00\xff" + b"x" * 999, headers={"retry-after": "7"})
    )
    answer = await caller.call(make_endpoint(secret=NEW), make_event())

    assert answer.status_code == 500
    assert answer.answer.startswith("no �x")
    assert len(answer.answer) == 256
    assert answer.retry_after == timedelta(seconds=7)
    assert answer.error == "the receiver answered 500"


async def test_one_that_is_slow_takes_no_more_than_its_share():
    held = asyncio.Event()

    async def slowly(request):
        if request.url.host == "slow.example":
            await held.wait()
        return httpx.Response(204)

    caller, got = caller_to(slowly)
    slow = make_endpoint("slow", secret=NEW, settings=EndpointSettings(url="https://slow.example"))
    calls = [asyncio.create_task(caller.call(slow, make_event())) for _ in range(2)]
    while len(got) < 2:
        await asyncio.sleep(0)

    assert isinstance(await caller.call(slow, make_event()), NotCalled)
    assert (await caller.call(make_endpoint("fast", secret=NEW), make_event())).is_success
    held.set()
    assert all(answer.is_success for answer in await asyncio.gather(*calls))


async def test_one_that_keeps_failing_is_let_alone_but_for_what_somebody_asks_for():
    caller, got = caller_to(httpx.Response(503))
    endpoint = make_endpoint(secret=NEW)
    for _ in range(2):
        await caller.call(endpoint, make_event())
    refused = await caller.call(endpoint, make_event())

    assert isinstance(refused, NotCalled)
    assert timedelta(0) < refused.delay <= PAUSE
    assert (await caller.call(endpoint, asked_for(f"{ASKED_FOR}1"))).status_code == 503
    assert (await caller.call(make_endpoint("other", secret=NEW), make_event())).status_code == 503
    assert len(got) == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost"])
async def test_what_is_not_public_is_not_connected_to(host):
    caller = HttpEndpointCaller(
        http=HttpCaller(guard=AddressGuard()),
        at_once=1,
        new_breaker=lambda: CircuitBreaker(failures=9, pause=PAUSE),
        source=None,
        now=lambda: datetime.now(UTC),
    )
    settings = EndpointSettings(url=f"http://{host}:9/")
    answer = await caller.call(make_endpoint(secret=NEW, settings=settings), make_event())
    await caller.close()

    assert answer.status_code is None
    assert "may not be connected to" in answer.error


async def test_a_redirect_is_not_followed():
    caller, got = caller_to(httpx.Response(302, headers={"location": "https://elsewhere.example"}))
    answer = await caller.call(make_endpoint(secret=NEW), make_event())

    assert not answer.is_success
    assert len(got) == 1
    assert json.loads(got[0].content)["type"] == "notification.status_changed"
