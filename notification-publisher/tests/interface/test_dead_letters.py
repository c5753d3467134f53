from collections.abc import Awaitable, Callable

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery
from notification_contracts.states import Status
from notification_ledger.status_update import StatusUpdate

Send = Callable[..., Awaitable[str]]
Take = Callable[[], Awaitable[Delivery]]


async def test_dead_letters_are_listed_with_their_reason(
    client: httpx.AsyncClient, send: Send, send_and_give_up: Send
) -> None:
    note = StatusUpdate(status=Status.FAILED, reason="no_address").encode()
    dead = await send_and_give_up(note)
    await send()

    (item,) = (await client.get("/dead-letters")).json()["items"]

    assert (item["trace_id"], item["status"], item["reason"]) == (dead, "failed", "no_address")
    assert (await client.get(f"/dead-letters/{dead}")).json() == item


async def test_dead_letters_are_filtered_by_reason_and_channel(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    poison = StatusUpdate(status=Status.FAILED, reason="poison").encode()
    wanted = await send_and_give_up(poison, channel="sms")
    await send_and_give_up(poison, channel="email")
    await send_and_give_up(channel="sms")

    page = (await client.get("/dead-letters?reason=poison&channel=sms")).json()

    assert [item["trace_id"] for item in page["items"]] == [wanted]


async def test_what_is_no_dead_letter_is_not_found_among_them(
    client: httpx.AsyncClient, send: Send
) -> None:
    answer = await client.get(f"/dead-letters/{await send()}")

    assert (answer.status_code, answer.json()["code"]) == (404, "dead_letter_not_found")


async def test_a_dead_letter_is_replayed_once(
    client: httpx.AsyncClient, send_and_give_up: Send, take: Take
) -> None:
    dead = await send_and_give_up()

    first = await client.post(f"/dead-letters/{dead}/replay")
    second = await client.post(f"/dead-letters/{dead}/replay")

    assert (first.status_code, first.json()["status"]) == (202, "queued")
    assert (second.status_code, second.json()["code"]) == (409, "not_a_dead_letter")
    assert (await take()).id == dead


async def test_a_deleted_dead_letter_is_gone_and_its_history_stays(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    dead = await send_and_give_up()

    answers = [await client.delete(f"/dead-letters/{dead}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert (await client.get("/dead-letters")).json()["items"] == []
    replayed = await client.post(f"/dead-letters/{dead}/replay")
    assert (replayed.status_code, replayed.json()["code"]) == (409, "not_a_dead_letter")
    assert "deleted" in replayed.json()["detail"]
    assert (await client.get(f"/notifications/{dead}")).json()["status"] == "failed"


@pytest.mark.parametrize("trace_id", ["0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10", "nonsense"])
async def test_unknown_dead_letters_are_neither_replayed_nor_deleted(
    client: httpx.AsyncClient, trace_id: str
) -> None:
    replayed = await client.post(f"/dead-letters/{trace_id}/replay")
    deleted = await client.delete(f"/dead-letters/{trace_id}")

    assert {replayed.status_code, deleted.status_code} == {404}
    assert {replayed.json()["code"], deleted.json()["code"]} == {"dead_letter_not_found"}


async def test_many_are_replayed_by_filter_spaced_and_oldest_first(
    client: httpx.AsyncClient, send_and_give_up: Send, queue: InMemoryQueue
) -> None:
    sms = [await send_and_give_up(channel="sms") for _ in range(3)]
    email = await send_and_give_up(channel="email")

    answer = await client.post("/dead-letters/replay", json={"channel": "sms"})

    counts = {"matched": 3, "replayed": 3, "dry_run": False, "ambiguous": 0}
    assert answer.json() == {**counts, "trace_ids": sms, "gone": [], "warning": None}
    depth = (await queue.depths(["validation.normal"]))["validation.normal"]
    assert (depth.waiting, depth.delayed) == (1, 2)
    left = (await client.get("/dead-letters")).json()["items"]
    assert [item["trace_id"] for item in left] == [email]


async def test_a_dry_run_tells_which_and_changes_nothing(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    dead = await send_and_give_up()

    answer = await client.post("/dead-letters/replay", json={"dry_run": True})

    counts = {"matched": 1, "replayed": 0, "dry_run": True, "ambiguous": 0}
    assert answer.json() == {**counts, "trace_ids": [dead], "gone": [], "warning": None}
    assert len((await client.get("/dead-letters")).json()["items"]) == 1


async def test_a_replay_that_says_nothing_replays_nothing(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    await send_and_give_up()

    answers = [await client.post("/dead-letters/replay", json=wish) for wish in ({}, {"limit": 1})]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.json()["errors"][0]["pointer"] for answer in answers] == ["", ""]
    assert len((await client.get("/dead-letters")).json()["items"]) == 1


async def test_a_replay_is_bounded_by_when_they_were_given_up(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    # They are given up at 09:00:01, 09:00:02 and 09:00:03.
    dead = [await send_and_give_up() for _ in range(3)]
    window = {"since": "2027-01-31T09:00:02Z", "until": "2027-01-31T09:00:03Z"}

    answer = await client.post("/dead-letters/replay", json=window)

    assert answer.json()["trace_ids"] == [dead[1]]


async def test_replayed_ones_leave_one_after_the_other(
    client: httpx.AsyncClient, send_and_give_up: Send, take: Take
) -> None:
    first, second = await send_and_give_up(), await send_and_give_up()
    await client.post("/dead-letters/replay", json={"all": True})

    shown = (await client.get(f"/notifications/{second}")).json()

    assert (await take()).id == first
    assert shown["next_attempt_at"] == "2027-01-31T09:00:02.020000Z"


async def test_replaying_what_may_have_been_sent_warns(
    client: httpx.AsyncClient, send: Send, take: Take
) -> None:
    dead = await send()
    delivery = await take()
    await delivery.start()
    await delivery.dead_letter("no answer", is_uncertain=True)

    answer = await client.post(f"/dead-letters/{dead}/replay")

    assert (answer.status_code, answer.json()["trace_id"]) == (202, dead)
    assert "may have reached the provider" in answer.json()["warning"]


async def test_replaying_what_was_surely_not_sent_does_not_warn(
    client: httpx.AsyncClient, send_and_give_up: Send
) -> None:
    answer = await client.post(f"/dead-letters/{await send_and_give_up()}/replay")

    assert answer.json()["warning"] is None


@pytest.mark.parametrize("dry_run", [True, False])
async def test_replaying_many_counts_those_that_may_have_been_sent(
    client: httpx.AsyncClient, send: Send, take: Take, send_and_give_up: Send, dry_run: bool
) -> None:
    await send_and_give_up()
    await send()
    delivery = await take()
    await delivery.start()
    await delivery.dead_letter("no answer", is_uncertain=True)

    wish = {"dry_run": dry_run, "all": True}
    answer = (await client.post("/dead-letters/replay", json=wish)).json()

    assert (answer["matched"], answer["ambiguous"]) == (2, 1)
    assert answer["warning"].startswith("1 of 2: ")


async def test_dead_letters_are_counted_by_reason_and_channel(client, send_and_give_up):
    note = StatusUpdate(status=Status.FAILED, reason="unknown_user").encode()
    for channel in ("sms", "sms", "push"):
        await send_and_give_up(note, channel=channel)

    found = (await client.get("/dead-letters/groups")).json()

    counts = [(each["reason"], each["channel"], each["count"]) for each in found["items"]]
    assert counts == [("unknown_user", "sms", 2), ("unknown_user", "push", 1)]
    assert found["is_complete"] is True
    assert found["items"][0]["oldest_at"] < found["items"][0]["newest_at"]


async def test_dead_letters_are_listed_by_when_they_were_given_up(client, send_and_give_up):
    first, second = await send_and_give_up(), await send_and_give_up()
    at = (await client.get(f"/dead-letters/{second}")).json()["updated_at"]

    late = (await client.get("/dead-letters", params={"since": at})).json()["items"]
    early = (await client.get("/dead-letters", params={"until": at})).json()["items"]

    assert [each["trace_id"] for each in late] == [second]
    assert [each["trace_id"] for each in early] == [first]
