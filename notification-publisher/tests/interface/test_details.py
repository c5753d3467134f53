"""What was asked for, and why a notification is where it is, over HTTP."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery, Message
from notification_contracts.lanes import validation_lanes
from notification_contracts.states import Reason, Status
from notification_ledger.status_update import StatusUpdate

Send = Callable[..., Awaitable[str]]
Take = Callable[[], Awaitable[Delivery]]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"
ASKED = {
    "user_id": "ada",
    "message": "hello",
    "channel": "email",
    "subject": "Hi",
    "html": "<p>hello</p>",
    "data": {"order": 7},
    "priority": "high",
    "tags": ["a"],
    "reference": "order 7",
    "send_at": None,
    "expires_at": "2027-01-31T12:00:00Z",
}


async def test_what_was_asked_for_is_shown_while_it_waits_and_as_a_dead_letter(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send(**ASKED)
    waiting = await client.get(f"/notifications/{trace_id}/content")
    await (await take()).dead_letter("given up")
    dead = await client.get(f"/notifications/{trace_id.upper()}/content")

    assert waiting.json() == dead.json() == ASKED


async def test_the_content_of_what_has_ended_is_gone_and_the_answer_says_why(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send()
    await (await take()).ack()

    answer = await client.get(f"/notifications/{trace_id}/content")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (410, "content_gone")
    assert problem["detail"] == (
        "It ended as sent (2027-01-31T09:00:01Z); its content is deleted then, and its history"
        " stays."
    )
    assert problem["trace_id"] == trace_id


async def test_a_broker_that_finds_nothing_by_its_id_is_named_as_the_cause(
    client: httpx.AsyncClient, send: Send, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = await send()

    async def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(queue, "body_of", nothing)
    problem = (await client.get(f"/notifications/{trace_id}/content")).json()

    assert (problem["status"], problem["code"]) == (410, "content_gone")
    assert "RabbitMQ" in problem["detail"]


async def test_what_is_no_notification_has_no_content_and_the_answer_names_the_fault(
    client: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    await queue.send(Message(id=UNKNOWN, lane=validation_lanes()[0], body=b'{"user_id":"ada"}'))

    answer = await client.get(f"/notifications/{UNKNOWN}/content")

    assert (answer.status_code, answer.json()["code"]) == (410, "content_gone")
    assert "/message: Field required" in answer.json()["detail"]


@pytest.mark.parametrize("what", ["content", "explain"])
@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense"])
async def test_unknown_notifications_are_not_found(
    client: httpx.AsyncClient, what: str, trace_id: str
) -> None:
    answer = await client.get(f"/notifications/{trace_id}/{what}")

    assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")


async def test_an_explanation_is_a_sentence_with_its_parts(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    trace_id = await send(channel="sms")
    update = StatusUpdate(
        status=Status.FAILED, reason=Reason.NO_ADDRESS, detail="the user has no sms address"
    )
    await (await take()).dead_letter("given up", update.encode())

    told = (await client.get(f"/notifications/{trace_id}/explain")).json()

    assert (told["trace_id"], told["status"], told["reason"]) == (trace_id, "failed", "no_address")
    assert told["sentence"].startswith("It was not sent, and was given up")
    assert "“the user has no sms address”" in told["why"]
    assert told["actions"] == ["replay", "delete"]
    assert {"name": "channel", "value": "sms"} in told["facts"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("reason=unknown_user", {0}),
        ("reason=no_address&status=failed", {1}),
        ("reason=poison", set()),
        ("since=2027-01-31T09:00:02Z", {1, 2}),
        ("until=2027-01-31T09:00:02Z", {0}),
        ("since=2027-01-31T09:00:02Z&until=2027-01-31T10:00:03%2B01:00", {1}),
    ],
)
async def test_the_list_is_filtered_by_reason_and_by_the_time_of_the_last_change(
    client: httpx.AsyncClient,
    send: Send,
    send_and_give_up: Callable[..., Awaitable[str]],
    query: str,
    found: set[int],
) -> None:
    notes = [
        StatusUpdate(status=Status.FAILED, reason=reason).encode()
        for reason in (Reason.UNKNOWN_USER, Reason.NO_ADDRESS)
    ]
    sent = [*[await send_and_give_up(note) for note in notes], await send()]

    page = (await client.get(f"/notifications?{query}")).json()

    assert {sent.index(item["trace_id"]) for item in page["items"]} == found


@pytest.mark.parametrize("name", ["since", "until"])
async def test_a_filter_by_time_must_be_a_time_with_its_offset(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await client.get("/notifications", params={name: "2027-01-31T09:00:00"})

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/query/{name}"]
