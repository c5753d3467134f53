from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery, Message, QueueUnavailable, SendOutcome
from notification_contracts.codec import decode
from notification_contracts.states import Priority
from notification_contracts.trace_ids import parse_trace_id
from notification_ledger.memory import MemoryLedger
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from starlette.types import Receive, Scope, Send
from testkit.clock import FrozenClock
from testkit.http import hot_client
from testkit.logs import captured_logs

Take = Callable[[], Awaitable[Delivery]]
ASKED = {"user_id": "user_test", "message": "your purchase was completed successfully"}

on_both_roads = pytest.mark.parametrize("client", ["general", "hot"], indirect=True)


@pytest.mark.parametrize("path", ["/notifications", "/notification"])
@on_both_roads
async def test_the_least_request_is_accepted_whatever_its_content_type(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(
        path,
        content=b'{"user_id":"user_test","message": "your purchase was completed successfully"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    trace_id = answer.json()["trace_id"]
    assert answer.status_code == 202
    assert parse_trace_id(trace_id) == trace_id
    assert answer.json() == {
        "trace_id": trace_id,
        "status": "queued",
        "status_url": f"/notifications/{trace_id}",
    }
    assert answer.headers["Location"] == f"/notifications/{trace_id}"
    assert "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("path", ["/notifications", "/notification"])
async def test_a_plain_request_needs_nothing_of_the_framework(
    settings: PublisherSettings, queue: InMemoryQueue, ledger: MemoryLedger, path: str
) -> None:
    app = build(settings, queue=queue, ledger=ledger)
    framework = app.build_middleware_stack()

    async def nothing_but_the_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await framework(scope, receive, send)

    app.middleware_stack = nothing_but_the_lifespan
    async with hot_client(app) as client:
        assert (await client.post(path, json=ASKED)).status_code == 202
        assert (await client.get(path)).status_code == 500


@pytest.mark.parametrize(
    ("message", "segments"), [("hello", 1), ("m" * 161, 2), ("\N{GRINNING FACE}" * 36, 2)]
)
@on_both_roads
async def test_an_sms_is_told_how_many_segments_it_takes(
    client: httpx.AsyncClient, message: str, segments: int
) -> None:
    body = ASKED | {"channel": "sms", "message": message}

    assert (await client.post("/notifications", json=body)).json()["segments"] == segments


@on_both_roads
async def test_the_event_in_the_queue_is_what_was_asked_for(
    client: httpx.AsyncClient, take: Take, clock: FrozenClock
) -> None:
    asked = ASKED | {
        "channel": "sms",
        "subject": "Thank you",
        "priority": "high",
        "expires_at": "2027-01-31T12:00:00Z",
        "html": "<p>ж</p>",
        "data": {"order": [7, None]},
        "tags": ["a", "b"],
        "reference": "order-7",
    }
    answer = await client.post("/notifications", json=asked, headers={"X-Request-ID": "r-1"})

    delivery = await take()
    event = decode(delivery.body)
    assert (delivery.id, delivery.lane) == (answer.json()["trace_id"], "validation.high")
    assert delivery.expires_at == event.expires_at == clock() + timedelta(hours=3)
    assert (event.trace_id, event.request_id) == (delivery.id, "r-1")
    assert (event.user_id, event.message) == (ASKED["user_id"], ASKED["message"])
    assert (event.channel, event.subject, event.priority) == ("sms", "Thank you", Priority.HIGH)
    assert event.requested_at == clock()
    assert {name: asked[name] for name in ("html", "data", "reference")}.items() <= dict(
        event
    ).items()
    assert event.tags == ("a", "b")


@on_both_roads
async def test_a_notification_for_later_is_not_handed_out_before(
    client: httpx.AsyncClient, queue: InMemoryQueue, take: Take, clock: FrozenClock
) -> None:
    answer = await client.post("/notifications", json=ASKED | {"send_at": "2027-01-31T10:00:00Z"})
    assert answer.json()["status"] == "scheduled"
    assert await queue.receive(["validation.normal"], limit=1, wait=timedelta(0)) == []

    clock.advance(timedelta(hours=1))
    await queue.tick(["validation.normal"])

    assert (await take()).id == answer.json()["trace_id"]


@pytest.mark.parametrize("user_id", ["a/b", "..", "a?b=c", "a%2fb", "ü" * 128])
@on_both_roads
async def test_any_text_may_be_a_user_id(
    client: httpx.AsyncClient, take: Take, user_id: str
) -> None:
    answer = await client.post("/notifications", json=ASKED | {"user_id": user_id})

    assert answer.status_code == 202
    assert decode((await take()).body).user_id == user_id


@on_both_roads
async def test_an_unknown_user_is_accepted_for_the_worker_to_find_out(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.post("/notifications", json=ASKED | {"user_id": "x"})).status_code == 202


@on_both_roads
async def test_one_log_line_tells_of_an_accepted_notification_without_its_message(
    client: httpx.AsyncClient,
) -> None:
    with captured_logs() as lines:
        answer = await client.post("/notifications", json=ASKED | {"channel": "email"})
        logged = lines()

    (line,) = logged
    assert {
        "event": "notification.accepted",
        "trace_id": answer.json()["trace_id"],
        "request_id": answer.headers["X-Request-ID"],
        "channel": "email",
        "priority": "normal",
        "status": 202,
    }.items() <= line.items()
    assert ASKED["message"] not in str(line)


@on_both_roads
async def test_a_queue_that_is_down_is_answered_with_503_and_when_to_come_back(
    client: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    queue.is_down = True

    answer = await client.post("/notifications", json=ASKED)

    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


@on_both_roads
async def test_what_may_have_been_stored_is_answered_with_503_and_not_sent_again(
    client: httpx.AsyncClient, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = queue.send

    async def store_and_fail(message: Message) -> SendOutcome:
        await store(message)
        raise QueueUnavailable("the reply was lost")

    monkeypatch.setattr(queue, "send", store_and_fail)
    answer = await client.post("/notifications", json=ASKED)

    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
    assert (await queue.depths(["validation.normal"]))["validation.normal"].waiting == 1


@on_both_roads
async def test_a_queue_that_is_back_takes_notifications_again(
    client: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    queue.is_down = True
    await client.post("/notifications", json=ASKED)
    queue.is_down = False

    assert (await client.post("/notifications", json=ASKED)).status_code == 202


@on_both_roads
async def test_one_more_than_may_wait_is_refused(
    client: httpx.AsyncClient, send: Callable[..., Awaitable[str]]
) -> None:
    for _ in range(20):
        await send()

    answer = await client.post("/notifications", json=ASKED)

    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await client.post("/notifications", json=ASKED | {"priority": "high"})).is_success
