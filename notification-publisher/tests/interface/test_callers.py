"""What the gateway says of the caller decides whose an idempotency key is, and what is a test."""

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.codec import decode

ASKED = {"user_id": "user_test", "message": "hello"}
ORDER = {"Idempotency-Key": "order-1"}
LIVE = {"X-Key-Id": "k1", "X-Key-Kind": "live"}
TEST = {"X-Key-Id": "k2", "X-Key-Kind": "test"}

pytestmark = pytest.mark.parametrize("client", ["general", "hot"], indirect=True)


async def test_what_a_test_key_asks_for_is_a_test_in_the_event_the_record_and_the_list(
    client, take
):
    accepted = await client.post("/notification", json=ASKED, headers=TEST)
    event = decode((await take()).body)
    record = (await client.get(accepted.headers["Location"])).json()
    [listed] = (await client.get("/notifications")).json()["items"]

    assert (event.is_test, record["is_test"], listed["is_test"]) == (True, True, True)


@pytest.mark.parametrize("headers", [{}, LIVE])
async def test_all_else_is_live(client, take, headers):
    accepted = await client.post("/notifications", json=ASKED, headers=headers)

    assert not decode((await take()).body).is_test
    assert (await client.get(accepted.headers["Location"])).json()["is_test"] is False


async def test_a_body_cannot_say_what_the_key_says(client):
    answer = await client.post("/notifications", json=ASKED | {"is_test": False}, headers=TEST)

    assert answer.status_code == 422


async def test_a_batch_of_a_test_key_is_tests_and_keeps_its_idempotency_keys_to_itself(
    client, take
):
    batch = {"notifications": [ASKED | {"idempotency_key": "order-1"}, ASKED]}
    sent = [
        (await client.post("/notifications/batch", json=batch, headers=ORDER | each)).json()[
            "items"
        ]
        for each in (LIVE, TEST, TEST)
    ]
    events = [decode((await take()).body) for _ in range(4)]

    assert [each.is_test for each in events] == [False, False, True, True]
    live, test, again = ([item["trace_id"] for item in items] for items in sent)
    assert (len({*live, *test}), again) == (4, test)


async def test_callers_that_choose_the_same_idempotency_key_do_not_meet(client):
    others = [{}, LIVE, TEST, TEST | {"X-Key-Kind": "live"}, LIVE | {"X-Key-Kind": "test"}]
    first = [await client.post("/notifications", json=ASKED, headers=ORDER | o) for o in others]
    again = [await client.post("/notifications", json=ASKED, headers=ORDER | o) for o in others]
    reused = await client.post(
        "/notifications", json=ASKED | {"message": "x"}, headers=ORDER | LIVE
    )

    traces = [answer.json()["trace_id"] for answer in first]
    assert len(set(traces)) == len(others)
    assert [answer.json()["trace_id"] for answer in again] == traces
    assert reused.json()["trace_id"] == traces[1]


@pytest.fixture
async def given_up(client: httpx.AsyncClient, take):
    """A dead letter of a live key, and one of a test key."""

    async def give_up(headers: dict[str, str]) -> str:
        accepted = await client.post("/notifications", json=ASKED, headers=headers)
        await (await take()).dead_letter("provider_rejected: no")
        return accepted.json()["trace_id"]

    return await give_up(LIVE), await give_up(TEST)


async def test_a_test_key_replays_tests_alone(client, given_up, queue: InMemoryQueue):
    live, test = given_up
    one = await client.post(f"/dead-letters/{live}/replay", headers=TEST)
    dry = await client.post(
        "/dead-letters/replay", json={"all": True, "dry_run": True}, headers=TEST
    )
    all_ = await client.post("/dead-letters/replay", json={"all": True}, headers=TEST)
    left = (await client.get("/dead-letters")).json()["items"]
    by_live = await client.post(f"/dead-letters/{live}/replay", headers=LIVE)

    assert (one.status_code, one.json()["code"]) == (403, "test_key")
    assert dry.json()["trace_ids"] == all_.json()["trace_ids"] == [test]
    assert [each["trace_id"] for each in left] == [live]
    assert by_live.status_code == 202


async def test_a_test_key_replays_a_single_test(client, given_up):
    answer = await client.post(f"/dead-letters/{given_up[1]}/replay", headers=TEST)

    assert (answer.status_code, answer.json()["is_test"]) == (202, True)


async def test_a_test_key_cancels_tests_alone(client):
    live, test = [
        (await client.post("/notifications", json=ASKED, headers=each)).headers["Location"]
        for each in (LIVE, TEST)
    ]
    refused = await client.delete(live, headers=TEST)
    unknown = await client.delete(live[:-12] + "0" * 12, headers=TEST)
    cancelled = await client.delete(test, headers=TEST)

    assert (refused.status_code, refused.json()["code"]) == (403, "test_key")
    assert (await client.get(live)).json()["status"] == "queued"
    assert unknown.status_code == 404
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
