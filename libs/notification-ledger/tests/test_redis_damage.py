"""Keys of which somebody made something else hide and stop nobody else's records."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Change, Message
from durable_queue.redis_list.queue import RedisListQueue
from notification_contracts.states import Reason, Status
from notification_ledger.reading import RecordQuery
from notification_ledger.redis import RedisLedger
from notification_ledger.redis.claims import RedisClaimStore
from notification_ledger.redis.rows import TOLD
from notification_ledger.redis.scripts import lua_recorder
from redis.asyncio import Redis
from testkit.ledger.harness import DELIVERY, LANES, recorded
from testkit.message_text import set_column

P = "{an:0}"
IDS = [f"0198c5d6-7a10-7c3e-8f21-5b0c9a1d2e{number:02}" for number in range(3)]
BAD = IDS[1]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
async def ledger(redis_url: str) -> AsyncIterator[RedisLedger]:
    ledger = RedisLedger(redis_url)
    for trace_id in IDS:
        await ledger.record(recorded(trace_id, Change.ENQUEUED))
    yield ledger
    await ledger.close()


async def listed(ledger: RedisLedger, **filters: object) -> list[str]:
    page = await ledger.find(RecordQuery(**filters))  # type: ignore[arg-type]
    return sorted(record.trace_id for record in page.items)


async def test_record_of_another_type_hides_only_itself(ledger: RedisLedger, redis: Redis) -> None:
    await redis.delete(f"{P}:e:{BAD}")
    await redis.rpush(f"{P}:e:{BAD}", "what")

    assert await listed(ledger) == [IDS[0], IDS[2]]
    assert await listed(ledger, status=Status.QUEUED) == [IDS[0], IDS[2]]
    assert await ledger.get(BAD) is None


@pytest.mark.parametrize("field", ["status", "attempts", "updated", "due"])
async def test_field_that_says_nothing_hides_only_its_record(
    ledger: RedisLedger, redis: Redis, field: str
) -> None:
    own, told, *lines = (await redis.get(f"{P}:e:{BAD}")).decode().split("\n")
    columns = told.split("\t")
    columns[TOLD.index(field)] = "what"
    await redis.set(f"{P}:e:{BAD}", "\n".join((own, "\t".join(columns), *lines)))

    assert await listed(ledger) == [IDS[0], IDS[2]]
    assert await ledger.get(BAD) is None


NO_RECORD = "\n" + "\t" * 10


@pytest.mark.parametrize(
    "text", ["what", "\n", "a\tb\nqueued", f"what{NO_RECORD}", f"a\twhat{NO_RECORD}", ""]
)
async def test_text_that_is_none_hides_only_its_record(
    ledger: RedisLedger, redis: Redis, text: str
) -> None:
    await redis.set(f"{P}:e:{BAD}", text)

    assert await listed(ledger) == [IDS[0], IDS[2]]
    assert await ledger.get(BAD) is None


@pytest.mark.parametrize("line", ["what", "y1", "q?\t\t", "q1\t\t\t\t\t\t\t{", "q1\t\t\tp\tx"])
async def test_line_of_the_timeline_that_says_nothing_is_left_out(
    ledger: RedisLedger, redis: Redis, line: str
) -> None:
    await redis.append(f"{P}:e:{BAD}", f"{line}\n")
    await ledger.record(recorded(BAD, Change.FORWARDED))

    record = await ledger.get(BAD)

    assert record is not None
    assert [entry.status for entry in record.timeline] == ["queued", "validated"]
    assert await listed(ledger) == IDS


async def test_what_is_in_the_way_of_a_record_is_put_aside(
    ledger: RedisLedger, redis: Redis
) -> None:
    await redis.delete(f"{P}:e:{BAD}")
    await redis.sadd(f"{P}:e:{BAD}", "what")
    await ledger.record(recorded(BAD, Change.FORWARDED))

    record = await ledger.get(BAD)

    assert record is not None
    assert record.status is Status.VALIDATED
    (aside,) = [name async for name in redis.scan_iter(f"{P}:damaged:*:e:{BAD}")]
    assert await redis.smembers(aside) == {b"what"}


@pytest.mark.parametrize("index", ["x", "changes"])
async def test_damaged_index_or_stream_stops_nothing(
    ledger: RedisLedger, redis: Redis, index: str
) -> None:
    await redis.delete(f"{P}:{index}")
    await redis.set(f"{P}:{index}", "what")
    await ledger.find(RecordQuery())
    assert (await ledger.dead_letter_groups()).is_complete
    for trace_id in IDS:
        await ledger.record(recorded(trace_id, Change.FORWARDED))

    assert await listed(ledger) == IDS
    assert (await ledger.latest_change()) != "0-0"


async def test_a_damaged_list_of_what_was_sent_hides_none_of_the_many_others(
    ledger: RedisLedger, redis: Redis
) -> None:
    began = datetime(2027, 1, 31, 9, tzinfo=UTC)
    for number in range(150):
        event = recorded(f"{number:03}", Change.DONE)
        await ledger.record(replace(event, at=began + number * timedelta(seconds=5)))
    lists = sorted(await redis.keys(f"{P}:h:*"))
    await redis.delete(lists[70])
    await redis.set(lists[70], "what")

    whole = await ledger.find(RecordQuery(status=Status.SENT, limit=200))
    first = await ledger.find(RecordQuery(status=Status.SENT, limit=100))
    cursor = first.next_cursor
    rest = await ledger.find(RecordQuery(status=Status.SENT, limit=100, cursor=cursor))

    ids = [f"{number:03}" for number in reversed(range(150)) if number != 70]
    assert [record.trace_id for record in whole.items] == ids
    assert [record.trace_id for record in (*first.items, *rest.items)] == ids


async def test_damaged_index_of_a_user_stops_nothing(ledger: RedisLedger, redis: Redis) -> None:
    await redis.set(f"{P}:u:ada", "what")

    assert await listed(ledger, user_id="ada") == []
    assert await listed(ledger) == IDS


@pytest.mark.parametrize("score", ["+inf", "-inf", "-5"])
async def test_foreign_members_of_an_index_are_passed_over(
    ledger: RedisLedger, redis: Redis, score: str
) -> None:
    await redis.zadd(f"{P}:x", {"what": score})

    assert await listed(ledger) == IDS


@pytest.mark.parametrize("field", ["hop", "un", "dl", None])
async def test_damaged_claim_is_as_good_as_forgotten(
    redis_url: str, redis: Redis, field: str | None
) -> None:
    claims = RedisClaimStore(redis_url)
    await claims.run("begin", "m", 0, "t", 60_000, 3, 0)
    if field:
        await redis.hset(f"{P}:q:m", field, "what")
    else:
        await redis.delete(f"{P}:q:m")
        await redis.set(f"{P}:q:m", "what")

    assert (await claims.run("begin", "m", 1, "u", 60_000, 3, 0))[0] == "go"
    await claims.close()


async def test_damaged_message_is_on_record_as_a_dead_letter(redis_url: str, redis: Redis) -> None:
    queue, ledger = RedisListQueue(redis_url, recorder=lua_recorder()), RedisLedger(redis_url)
    await queue.send(Message(id=BAD, lane=DELIVERY, body=b"{}"))
    await redis.delete(f"{P}:b:{BAD}")
    await redis.rpush(f"{P}:b:{BAD}", "what")
    await queue.tick(LANES)
    await redis.lpop(f"{P}:{DELIVERY}:ready")
    await queue.heal()

    (dead,) = (await ledger.find(RecordQuery(dead_letters=True))).items

    assert (dead.trace_id, dead.reason) == (BAD, Reason.UNDECODABLE)
    assert dead.timeline[-1].detail == "its body is a list, not a string"
    await queue.close()
    await ledger.close()


async def test_message_of_which_nobody_knows_the_lane_keeps_its_timeline(
    redis_url: str, redis: Redis
) -> None:
    queue, ledger = RedisListQueue(redis_url, recorder=lua_recorder()), RedisLedger(redis_url)
    await queue.send(Message(id=BAD, lane=DELIVERY, body=b"{}"))
    await set_column(redis, f"{P}:e:{BAD}", "ln", "")
    assert await queue.receive([DELIVERY], limit=1, wait=timedelta(0)) == []

    (dead,) = (await ledger.find(RecordQuery(dead_letters=True))).items

    assert [entry.status for entry in dead.timeline] == [Status.QUEUED, Status.FAILED]
    await queue.close()
    await ledger.close()
