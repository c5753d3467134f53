import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery
from notification_contracts.states import Status
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import (
    LedgerUnavailable,
    NotificationRecord,
    RecordPage,
    RecordQuery,
)
from notification_ledger.status_update import StatusUpdate
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.http import asgi_client

Send = Callable[..., Awaitable[str]]
Take = Callable[[], Awaitable[Delivery]]


async def test_a_notification_is_shown_with_all_that_happened_to_it(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send(channel="sms")
    delivery = await take()
    await delivery.start()
    sent = StatusUpdate(
        status=Status.SENT, provider="fake", attempt=1, attempts=1, duration_ms=12.0
    )
    await delivery.ack(sent.encode())

    shown = (await client.get(f"/notifications/{trace_id}")).json()

    timeline = shown["timeline"]
    expected = {
        "trace_id": trace_id,
        "user_id": "user_test",
        "channel": "sms",
        "status": "sent",
        "reason": None,
        "attempts": 1,
        "created_at": "2027-01-31T09:00:01Z",
        "updated_at": "2027-01-31T09:00:01Z",
        "next_attempt_at": None,
    }
    assert expected.items() <= shown.items()
    assert [entry["status"] for entry in timeline] == ["queued", "sending", "sent"]
    last = {
        "at": "2027-01-31T09:00:01Z",
        "status": "sent",
        "reason": None,
        "detail": None,
        "channel": "sms",
        "provider": "fake",
        "attempt": 1,
        "duration_ms": 12.0,
    }
    assert last.items() <= timeline[-1].items()


async def test_a_scheduled_notification_says_when_it_is_due(
    client: httpx.AsyncClient, send: Send
) -> None:
    trace_id = await send(send_at="2027-01-31T10:00:00Z")

    shown = (await client.get(f"/notifications/{trace_id}")).json()

    assert (shown["status"], shown["next_attempt_at"]) == ("scheduled", "2027-01-31T10:00:00Z")


async def test_the_list_is_newest_first_and_goes_on_where_the_page_ended(
    client: httpx.AsyncClient, send: Send
) -> None:
    sent = [await send() for _ in range(5)]

    first = (await client.get("/notifications?limit=3")).json()
    rest = (
        await client.get("/notifications", params={"limit": 3, "cursor": first["next_cursor"]})
    ).json()

    listed = [item["trace_id"] for item in first["items"] + rest["items"]]
    assert listed == sent[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("user_id=ann", {0, 1}),
        ("user_id=ann&channel=sms", {1}),
        ("status=cancelled", {2}),
        ("status=sent", set()),
        ("channel=email", {0}),
    ],
)
async def test_filters_must_all_hold(
    client: httpx.AsyncClient, send: Send, query: str, found: set[int]
) -> None:
    sent = [
        await send(user_id="ann", channel="email"),
        await send(user_id="ann", channel="sms"),
        await send(user_id="bob"),
    ]
    await client.delete(f"/notifications/{sent[2]}")

    page = (await client.get(f"/notifications?{query}")).json()

    assert {sent.index(item["trace_id"]) for item in page["items"]} == found


async def test_tags_and_reference_are_shown_and_html_and_data_are_not(
    client: httpx.AsyncClient, send: Send
) -> None:
    trace_id = await send(
        html="<p>secret</p>", data={"k": "secret"}, tags=["b", "a"], reference="order 7"
    )

    shown = (await client.get(f"/notifications/{trace_id}")).json()
    page = (await client.get("/notifications?tag=a&reference=order%207")).json()

    assert (shown["tags"], shown["reference"], shown["delivery_mode"]) == (
        ["b", "a"],
        "order 7",
        None,
    )
    assert page["items"] == [shown]
    assert "secret" not in json.dumps(shown)


async def test_what_a_receipt_says_did_not_arrive_has_failed_and_is_no_dead_letter(
    client: httpx.AsyncClient, send: Send, take: Take, ledger: MemoryLedger
) -> None:
    trace_id = await send()
    delivery = await take()
    await delivery.start()
    sent = StatusUpdate(status=Status.SENT, provider="twilio", message_id="SM1")
    await delivery.ack(sent.encode())
    told = StatusUpdate(status=Status.FAILED, reason="address_gone", detail="30005 unknown")
    assert await ledger.report_receipt("twilio", "SM1", told)

    shown = (await client.get(f"/notifications/{trace_id}")).json()
    failed = (await client.get("/notifications?status=failed")).json()
    dead = (await client.get("/dead-letters")).json()
    replayed = await client.post(f"/dead-letters/{trace_id}/replay")

    assert (shown["status"], shown["reason"]) == ("failed", "address_gone")
    assert shown["timeline"][-1]["detail"] == "30005 unknown"
    assert (failed["items"], dead["items"]) == ([shown], [])
    assert (replayed.status_code, replayed.json()["code"]) == (409, "not_a_dead_letter")


async def test_a_waiting_notification_is_cancelled_once_and_for_all(
    client: httpx.AsyncClient, send: Send, queue: InMemoryQueue
) -> None:
    trace_id = await send()

    answers = [await client.delete(f"/notifications/{trace_id}") for _ in range(2)]

    assert [(each.status_code, each.json()["status"]) for each in answers] == [
        (200, "cancelled"),
        (200, "cancelled"),
    ]
    assert (await queue.depths(["validation.normal"]))["validation.normal"].waiting == 0


async def test_cancelling_does_not_promise_that_it_was_not_sent(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send()
    delivery = await take()
    await delivery.start()
    await delivery.retry(timedelta(minutes=1), is_uncertain=True)

    answer = (await client.delete(f"/notifications/{trace_id}")).json()

    assert (answer["status"], answer["reason"]) == ("cancelled", "ambiguous")
    assert "sending" in [entry["status"] for entry in answer["timeline"]]
    assert (await client.get(f"/notifications/{trace_id}")).json() == answer


async def test_a_notification_that_is_being_sent_is_past_cancelling(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send()
    await (await take()).start()

    answer = await client.delete(f"/notifications/{trace_id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "past_cancelling")
    assert answer.json()["detail"] == "Its status is sending."
    assert answer.json()["trace_id"] == trace_id


async def test_cancelling_an_unknown_notification_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/notifications/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10")

    assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")


class LedgerThatIsDown(MemoryLedger):
    """A ledger that can't be reached."""

    async def get(self, trace_id: str) -> NotificationRecord | None:
        raise LedgerUnavailable(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        raise LedgerUnavailable(query.cursor)

    async def latest_change(self) -> str:
        raise LedgerUnavailable("no answer")


@pytest.mark.parametrize(
    "path",
    [
        "/notifications",
        "/notifications/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10",
        "/notifications/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10/events",
        "/events",
        "/dead-letters",
        "/dead-letters/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10",
    ],
)
async def test_a_ledger_that_is_down_is_answered_with_503(
    settings: PublisherSettings, queue: InMemoryQueue, path: str
) -> None:
    async with asgi_client(build(settings, queue=queue, ledger=LedgerThatIsDown())) as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/notifications/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"),
        ("POST", "/dead-letters/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10/replay"),
        ("DELETE", "/dead-letters/0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"),
    ],
)
async def test_nothing_is_changed_while_the_queue_is_down(
    client: httpx.AsyncClient, queue: InMemoryQueue, method: str, path: str
) -> None:
    queue.is_down = True

    answer = await client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
