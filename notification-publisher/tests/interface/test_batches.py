from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.http.fields import MAX_REQUEST_BYTES
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority

ASKED = {"user_id": "user_test", "message": "hello"}
ROOM = 20  # in the `queue` of these tests
SendBatch = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def send_batch(client: httpx.AsyncClient) -> SendBatch:
    """Send a batch that is answered item by item; return the items."""

    async def send(*items: object, key: str | None = None) -> list[dict[str, Any]]:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"notifications": items}
        answer = await client.post("/notifications/batch", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    return send


async def waiting(queue: InMemoryQueue) -> int:
    lane = validation_lane(Priority.NORMAL)
    return (await queue.depths([lane]))[lane].waiting


async def test_each_is_answered_in_its_place_and_found_by_its_trace_id(
    client: httpx.AsyncClient, send_batch: SendBatch
) -> None:
    items = await send_batch(*({**ASKED, "reference": f"order {number}"} for number in range(3)))

    assert [item["status"] for item in items] == [202, 202, 202]
    found = [(await client.get(item["status_url"])).json()["reference"] for item in items]
    assert found == ["order 0", "order 1", "order 2"]


@pytest.mark.parametrize(
    "bad",
    [
        5,
        [],
        {},
        ASKED | {"colour": "red"},
        ASKED | {"channel": "fax", "priority": "soon"},
        ASKED | {"send_at": "2020-01-01T00:00:00Z"},
        ASKED | {"expires_at": "tomorrow"},
        ASKED | {"message": "a" * 2000, "channel": "sms"},
        ASKED | {"tags": "x", "data": []},
    ],
)
async def test_a_bad_one_is_refused_as_if_it_were_alone_and_the_good_ones_go(
    client: httpx.AsyncClient, send_batch: SendBatch, queue: InMemoryQueue, bad: object
) -> None:
    alone = (await client.post("/notifications", json=bad)).json()

    before, refused, after = await send_batch(ASKED, bad, ASKED)

    assert (before["status"], refused["status"], after["status"]) == (202, 422, 202)
    del alone["request_id"]
    assert refused["problem"] == alone
    assert await waiting(queue) == 2


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, 7, ["k"]])
async def test_a_bad_key_of_one_is_named(send_batch: SendBatch, key: object) -> None:
    (item,) = await send_batch({**ASKED, "idempotency_key": key})

    assert item["status"] == 422
    assert [each["pointer"] for each in item["problem"]["errors"]] == ["/idempotency_key"]


async def test_a_key_of_its_own_counts_as_in_a_call_for_one(
    client: httpx.AsyncClient, send_batch: SendBatch, queue: InMemoryQueue
) -> None:
    first = await client.post("/notifications", json=ASKED, headers={"Idempotency-Key": "k"})

    keyed = {**ASKED, "idempotency_key": "k"}
    items = await send_batch(keyed, {**keyed, "message": "other"}, ASKED, key="batch")

    assert items[0]["trace_id"] == first.json()["trace_id"]
    assert items[0]["replayed"] is True
    assert items[1]["problem"]["code"] == "idempotency_key_reused"
    assert items[1]["problem"]["trace_id"] == first.json()["trace_id"]
    assert await waiting(queue) == 2


async def test_a_whole_batch_may_be_repeated_under_its_key(
    send_batch: SendBatch, queue: InMemoryQueue
) -> None:
    batch = [ASKED, {"user_id": ""}, ASKED]

    first = await send_batch(*batch, key="k" * 255)
    again = await send_batch(*batch, key="k" * 255)

    assert [item.pop("replayed", False) for item in again] == [True, False, True]
    assert again == first
    assert await waiting(queue) == 2


async def test_another_batch_under_the_key_is_refused_where_it_differs(
    send_batch: SendBatch,
) -> None:
    await send_batch(ASKED, ASKED, key="k")

    same, other = await send_batch(ASKED, {**ASKED, "message": "other"}, key="k")

    assert same["replayed"] is True
    assert other["problem"]["code"] == "idempotency_key_reused"


async def test_what_finds_no_room_is_said_item_by_item(send_batch: SendBatch) -> None:
    items = await send_batch(*[ASKED] * (ROOM + 2), {})

    assert [item["status"] for item in items[ROOM:]] == [503, 503, 422]
    assert items[ROOM]["problem"]["code"] == "queue_full"
    assert items[ROOM]["retry_after"] > 0


async def test_if_none_can_be_taken_the_whole_is_refused_for_now(
    client: httpx.AsyncClient, send_batch: SendBatch
) -> None:
    await send_batch(*[ASKED] * ROOM)

    answer = await client.post("/notifications/batch", json={"notifications": [ASKED, {}]})

    assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/notifications"),
        ({"notifications": []}, "/notifications"),
        ({"notifications": [ASKED] * 501}, "/notifications"),
        ({"notifications": ASKED}, "/notifications"),
        ({"notifications": [ASKED], "colour": "red"}, "/colour"),
        ([ASKED], ""),
    ],
)
async def test_what_is_no_batch_is_refused_whole(
    client: httpx.AsyncClient, body: object, pointer: str
) -> None:
    answer = await client.post("/notifications/batch", json=body)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_a_batch_that_is_too_large_is_told_how_large_it_may_be(
    client: httpx.AsyncClient,
) -> None:
    body = {"notifications": [{**ASKED, "message": "a" * 10_000}] * 200}

    answer = await client.post("/notifications/batch", json=body)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert str(MAX_REQUEST_BYTES) in answer.json()["detail"]
