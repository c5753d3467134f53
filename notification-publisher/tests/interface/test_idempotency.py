from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority
from testkit.clock import FrozenClock

ASKED = {"user_id": "user_test", "message": "hello"}
KEY = {"Idempotency-Key": "order-4711"}

pytestmark = pytest.mark.parametrize("client", ["general", "hot"], indirect=True)


async def test_a_repetition_gets_the_first_answer_and_makes_no_second_notification(
    client: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    first = await client.post("/notifications", json=ASKED, headers=KEY)

    again = await client.post("/notifications", json=ASKED | {"priority": "normal"}, headers=KEY)

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    lane = validation_lane(Priority.NORMAL)
    assert (await queue.depths([lane]))[lane].waiting == 1


async def test_a_repetition_is_told_the_status_of_then(client: httpx.AsyncClient) -> None:
    scheduled = ASKED | {"send_at": "2027-01-31T10:00:00Z"}
    await client.post("/notifications", json=scheduled, headers=KEY)

    again = await client.post("/notifications", json=scheduled, headers=KEY)

    assert again.json()["status"] == "scheduled"


async def test_another_body_under_the_key_is_refused_and_named(client: httpx.AsyncClient) -> None:
    first = await client.post("/notifications", json=ASKED, headers=KEY)

    other = await client.post("/notifications", json=ASKED | {"message": "other"}, headers=KEY)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert other.json()["trace_id"] == first.json()["trace_id"]


async def test_an_honest_repetition_is_answered_after_its_times_have_passed(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    asked = ASKED | {"expires_at": "2027-01-31T12:00:00Z"}
    first = await client.post("/notifications", json=asked, headers=KEY)
    clock.advance(timedelta(hours=4))

    again = await client.post("/notifications", json=asked, headers=KEY)

    assert again.content == first.content


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
async def test_a_key_is_any_visible_ascii(client: httpx.AsyncClient, key: str) -> None:
    headers = {"Idempotency-Key": key}

    assert (await client.post("/notifications", json=ASKED, headers=headers)).status_code == 202


@pytest.mark.parametrize(
    "keys",
    [[b""], [b"a b"], [b"k" * 256], [b"\xc3\xbc"], [b"a\tb"], [b"one", b"two"]],
    ids=["empty", "a space", "too long", "not ASCII", "a tab", "two keys"],
)
async def test_a_key_of_another_form_is_refused(
    client: httpx.AsyncClient, keys: list[bytes]
) -> None:
    headers = [(b"Idempotency-Key", key) for key in keys]

    answer = await client.post("/notifications", json=ASKED, headers=headers)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/header/idempotency-key"]
