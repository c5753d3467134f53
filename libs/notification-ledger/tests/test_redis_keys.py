"""What the ledger keeps in Redis, and what it forgets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Change, Message
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.reading import RecordQuery
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.redis.rows import RANK_STEP, RANKS, TOLD
from notification_ledger.status_update import StatusUpdate
from redis.asyncio import Redis
from testkit.ledger.harness import VALIDATION, recorded
from testkit.message_text import columns_of, set_column

KeysOf = Callable[[str], Awaitable[list[str]]]
USER = StatusUpdate(status=Status.QUEUED, user_id="user_test").encode()


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[RedisListQueue]:
    # What has ended is forgotten by the next tick.
    options = RedisListOptions(retention=timedelta(0))
    queue = RedisListQueue(redis_url, recorder=lua_recorder(), options=options)
    yield queue
    await queue.close()


async def test_keys_are_those_of_the_documentation(
    queue: RedisListQueue, redis: Redis, ledger: RedisLedger
) -> None:
    await queue.send(Message(id="one", lane=VALIDATION, body=b"{}", note=USER))

    own, told, *lines = str(await redis.get("{an:0}:e:one")).split("\n")
    columns = await columns_of(redis, "{an:0}:e:one")
    assert (own.count("\t"), columns["st"], columns["ln"]) == (7, "queued", VALIDATION)
    created = int(columns["born"])
    assert dict(zip(TOLD, told.split("\t"), strict=True)) == {
        **dict.fromkeys(TOLD, ""),
        "status": "queued",
        "updated": "0",
        "user_id": "user_test",
    }
    assert lines == ["q0", ""]
    assert await redis.zrange("{an:0}:x", 0, -1, withscores=True) == [
        ("one", RANKS["queued"] * RANK_STEP + created)
    ]
    assert await redis.zrange("{an:0}:u:user_test", 0, -1) == ["one"]
    assert await redis.xlen("{an:0}:changes") == 1


async def test_nothing_is_left_of_a_forgotten_notification_but_its_changes(
    queue: RedisListQueue, redis: Redis, ledger: RedisLedger
) -> None:
    await queue.send(Message(id="one", lane=VALIDATION, body=b"{}", note=USER))
    (delivery,) = await queue.receive([VALIDATION], limit=1, wait=timedelta(seconds=30))
    await delivery.ack()
    await queue.tick([VALIDATION])

    assert await ledger.get("one") is None
    left = {str(key).removeprefix("{an:0}:") for key in await redis.keys("*")}
    assert left <= {"changes", f"{VALIDATION}:seq", f"{VALIDATION}:wm"}


async def test_records_written_without_a_queues_script_are_forgotten_too(
    redis_url: str, redis: Redis
) -> None:
    ledger = RedisLedger(redis_url, retention=timedelta(0))
    for trace_id in ("one", "two"):
        await ledger.record(recorded(trace_id, Change.ENQUEUED, USER))
    await ledger.record(recorded("one", Change.DONE))
    await ledger.record(recorded("two", Change.FORWARDED))

    assert await ledger.get("one") is None
    assert await redis.keys("*one") == []
    assert await redis.zrange("{an:0}:u:user_test", 0, -1) == ["two"]
    await ledger.close()


async def test_records_written_without_a_queues_script_are_kept_for_the_retention(
    ledger: RedisLedger, redis: Redis
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED, USER))
    await ledger.record(recorded("one", Change.DONE))

    columns = await columns_of(redis, "{an:0}:e:one")
    ended_at = datetime.fromtimestamp((int(columns["born"]) + int(columns["over"])) / 1000, UTC)
    assert abs(datetime.now(UTC) - ended_at) < timedelta(hours=1)
    assert await ledger.get("one") is not None


async def test_shorter_retention_counts_for_what_has_ended_already(
    ledger: RedisLedger, redis_url: str
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED, USER))
    await ledger.record(recorded("one", Change.DONE))
    shorter = RedisLedger(redis_url, retention=timedelta(0))

    await shorter.record(recorded("two", Change.ENQUEUED, USER))

    assert await ledger.get("one") is None
    assert await ledger.get("two") is not None
    await shorter.close()


async def test_shorter_retention_of_a_queue_counts_for_what_has_ended_already(
    queue: RedisListQueue, redis_url: str, ledger: RedisLedger
) -> None:
    longer = RedisListQueue(redis_url, recorder=lua_recorder())
    await longer.send(Message(id="one", lane=VALIDATION, body=b"{}", note=USER))
    (delivery,) = await longer.receive([VALIDATION], limit=1, wait=timedelta(seconds=30))
    await delivery.ack()
    await longer.tick([VALIDATION])
    assert await ledger.get("one") is not None

    await queue.tick([VALIDATION])

    assert await ledger.get("one") is None
    await longer.close()


async def test_what_an_earlier_release_noted_as_ended_is_forgotten_after_an_audit(
    queue: RedisListQueue, redis: Redis, redis_url: str, ledger: RedisLedger
) -> None:
    await queue.send(Message(id="one", lane=VALIDATION, body=b"{}", note=USER))
    (delivery,) = await queue.receive([VALIDATION], limit=1, wait=timedelta(seconds=30))
    await delivery.ack()
    await redis.delete("{an:0}:o", *await redis.keys("{an:0}:o:*"))
    await redis.zadd("{an:0}:gone", {"one": 1})
    await queue.tick([VALIDATION])
    assert await ledger.get("one") is not None

    await queue.heal()
    options = RedisListOptions(retention=timedelta(0))
    another = RedisListQueue(redis_url, recorder=lua_recorder(), options=options)
    await another.tick([VALIDATION])
    await another.close()

    assert await ledger.get("one") is None
    assert not await redis.exists("{an:0}:gone")


async def test_dead_letters_are_kept_for_ever(redis_url: str) -> None:
    ledger = RedisLedger(redis_url, retention=timedelta(0))
    await ledger.record(recorded("dead", Change.POISONED))
    await ledger.record(recorded("another", Change.ENQUEUED))

    assert await ledger.get("dead") is not None
    await ledger.close()


async def test_event_pushed_by_hand_is_adopted_under_its_trace_id(
    queue: RedisListQueue, redis: Redis, ledger: RedisLedger
) -> None:
    trace_id = new_trace_id()
    body = json.dumps({"trace_id": trace_id, "user_id": "user_test", "message": "hi"})
    await redis.rpush(f"{{an:0}}:{VALIDATION}:ready", body)
    (delivery,) = await queue.receive([VALIDATION], limit=1, wait=timedelta(seconds=30))

    record = await ledger.get(trace_id)

    assert delivery.id == trace_id
    assert record is not None
    assert (record.status, record.user_id) == (Status.QUEUED, None)


async def test_another_user_is_found_instead(ledger: RedisLedger) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED, USER))
    other = StatusUpdate(status=Status.VALIDATED, user_id="other").encode()
    await ledger.record(recorded("one", Change.FORWARDED, other))

    assert (await ledger.find(RecordQuery(user_id="user_test"))).items == ()
    assert len((await ledger.find(RecordQuery(user_id="other"))).items) == 1


async def test_index_entry_without_a_record_is_passed_over(
    ledger: RedisLedger, redis: Redis
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED))
    await redis.zadd("{an:0}:x", {"damaged": RANKS["queued"] * RANK_STEP + 10**12})

    page = await ledger.find(RecordQuery(limit=1))

    assert [record.trace_id for record in page.items] == ["one"]
    assert page.next_cursor is None


async def test_namespaces_do_not_see_each_other(redis_url: str, ledger: RedisLedger) -> None:
    other = RedisLedger(redis_url, namespace="other")
    await other.record(recorded("one", Change.ENQUEUED))

    assert await ledger.get("one") is None
    assert (await ledger.find(RecordQuery())).items == ()
    await other.close()


async def test_long_user_ids_are_kept_whole(ledger: RedisLedger) -> None:
    user_id = "ü" * 128
    note = StatusUpdate(status=Status.QUEUED, user_id=user_id).encode()
    await ledger.record(recorded("one", Change.ENQUEUED, note))

    page = await ledger.find(RecordQuery(user_id=user_id))

    assert [record.user_id for record in page.items] == [user_id]


async def test_memory_of_what_waits_and_of_what_has_ended(redis_url: str, redis: Redis) -> None:
    queue = RedisListQueue(redis_url, recorder=lua_recorder())
    sent = StatusUpdate(status=Status.SENT, channel="email", provider="post", attempt=1, attempts=1)

    async def send(number: int) -> None:
        note = StatusUpdate(status=Status.QUEUED, user_id=f"user-{number % 100}", channel="email")
        message = Message(id=new_trace_id(), lane=VALIDATION, body=b"x" * 200, note=note.encode())
        await queue.send(message)

    async def used() -> int:
        changes = await redis.memory_usage("{an:0}:changes", samples=0)
        return int((await redis.info("memory"))["used_memory"]) - int(changes or 0)

    async def end_all() -> None:
        while found := await queue.receive([VALIDATION], limit=32, wait=timedelta(0)):
            await asyncio.gather(*(delivery.ack(sent.encode()) for delivery in found))

    await asyncio.gather(*map(send, range(300)))  # what Redis needs for itself comes first
    await end_all()
    before, count = await used(), 1_000
    await asyncio.gather(*map(send, range(count)))
    waiting = await used() - before
    await end_all()
    ended = await used() - before
    await queue.close()

    assert (waiting / count <= 1_100, ended / count <= 440) == (True, True), (waiting, ended)


async def test_claim_of_what_ended_long_ago_is_forgotten_with_it(
    ledger: RedisLedger, redis: Redis
) -> None:
    for trace_id in ("old", "new"):
        await ledger.record(recorded(trace_id, Change.ENQUEUED, USER))
        await ledger.record(recorded(trace_id, Change.DONE))
        await redis.hset(f"{{an:0}}:q:{trace_id}", "st", "ended")
    await set_column(redis, "{an:0}:e:old", "over", str(-2 * 3600 * 1000))

    await ledger.forget(datetime.now(UTC) + timedelta(minutes=1), limit=10)

    # A copy of the new one may still be on its way: its claim says that it is old.
    assert await redis.keys("{an:0}:q:*") == ["{an:0}:q:new"]
    assert await redis.keys("{an:0}:e:*") == []
