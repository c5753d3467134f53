"""Lost tickets, damaged indexes, and what is left behind."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from durable_queue.port import Change, Dedupe, Enqueued, Message, TickReport
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from service_kit.failpoints import FailpointTripped, armed
from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    LANES,
    OTHER_LANE,
    QueueHarness,
    message,
)
from testkit.redis_list_harness import (
    CLOCK,
    LOG,
    PATIENT,
    PREFIX,
    redis_list_harness,
    sources_with_a_clock,
)

READY = f"{PREFIX}:{LANE}:ready"
GRACE = timedelta(seconds=2)


@pytest.fixture
async def harness(redis_url: str) -> AsyncIterator[QueueHarness]:
    async with redis_list_harness(redis_url) as harness:
        yield harness


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def test_lost_ticket_is_issued_again_within_six_seconds(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send("m1", "m2")
    await harness.queue.tick([LANE])
    await redis.lpop(READY)  # a worker dies here, between BLPOP and claim
    seconds = 0
    while await redis.llen(READY) < 2:
        await harness.pass_time(timedelta(seconds=1))
        seconds += 1

    assert seconds <= 6
    assert await harness.left(LANE) == ["m1", "m2"]


async def test_worker_that_dies_after_it_popped_loses_nothing(harness: QueueHarness) -> None:
    await harness.send("m")
    with armed("worker.after_pop:raise"), pytest.raises(FailpointTripped):
        await harness.take()
    assert await harness.left(LANE) == []
    for _ in range(3):
        await harness.pass_time(GRACE)

    assert await harness.left(LANE) == ["m"]
    assert await harness.changes("m") == [Change.ENQUEUED]


async def test_tickets_that_are_in_the_list_are_not_issued_again(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send(*(f"m{number}" for number in range(40)))
    await (await harness.take()).release()
    for _ in range(5):
        await harness.pass_time(GRACE)

    assert await redis.llen(READY) == 40


async def test_all_tickets_may_be_lost_at_once(harness: QueueHarness, redis: Redis) -> None:
    ids = [f"m{number:04}" for number in range(290)]
    await harness.send(*ids)
    await harness.queue.tick([LANE])
    await redis.delete(READY)
    found = []
    for _ in range(3):
        await harness.pass_time(GRACE)
        found += await harness.left(LANE)

    assert found == ids


async def test_lost_ticket_is_found_though_others_are_handed_back(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send(*(f"m{number:03}" for number in range(200)))
    await redis.lpop(READY)
    for _ in range(4):
        await (await harness.take()).release(harness.moment / 100)
        await harness.pass_time(GRACE)
        await (await harness.take()).retry(AT_ONCE)

    assert "m000" in await harness.left(LANE)


async def test_lost_ticket_is_found_among_raw_bytes(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("m")
    await redis.lpop(READY)
    await harness.queue.tick([LANE])
    await redis.rpush(READY, *(b"raw" for _ in range(40)))
    await harness.pass_time(GRACE)
    await harness.pass_time(GRACE)

    assert "m" in await harness.left(LANE)


async def test_spent_ticket_is_no_message(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("m")
    ticket = (await redis.lrange(READY, 0, 0))[0]
    await redis.rpush(READY, ticket, ticket)

    assert await harness.left(LANE) == ["m"]
    assert await redis.llen(READY) == 0


async def test_index_entry_without_a_message_is_dropped(
    harness: QueueHarness, redis: Redis
) -> None:
    for part in ("wait", "lease", "delay"):
        await redis.zadd(f"{PREFIX}:{LANE}:{part}", {"ghost": 1})
    await redis.rpush(READY, "1|ghost")

    assert await harness.left(LANE) == []
    assert await harness.queue.tick([LANE]) == TickReport()
    assert (await harness.queue.depths([LANE]))[LANE].leased == 0


async def test_a_long_lane_is_looked_through_for_what_expired_part_by_part(
    redis_url: str, redis: Redis
) -> None:
    queue = RedisListQueue(redis_url, options=replace(PATIENT, tick_limit=10))
    ids = [f"m{number}" for number in range(150)]
    over = await queue.time()
    for number, name in enumerate(ids):
        expires_at = over if number % 3 else over + timedelta(days=1)
        await queue.send(message(name, expires_at=expires_at))

    ended = [await queue.expire([LANE]) for _ in range(4)]

    assert (sum(ended), ended[0] < 100, ended[-1]) == (100, True, 0)
    assert (await queue.depths([LANE]))[LANE].waiting == 50
    left = [await queue.receive([LANE], limit=32, wait=timedelta(0)) for _ in range(3)]
    assert [each.id for each in chain(*left)] == ids[::3]
    assert await redis.llen(READY) == 0
    await queue.close()


async def test_heal_restores_every_index(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("done", "dead", "leased", "started", "delayed", "waiting")
    await (await harness.take()).ack()
    await (await harness.take()).dead_letter("no use")
    await harness.take()
    await (await harness.take()).start()
    await (await harness.take()).retry(2 * harness.moment)
    before = await harness.queue.depths([LANE])
    for part in (f"{LANE}:wait", f"{LANE}:lease", f"{LANE}:delay", "dead", "o"):
        await redis.delete(f"{PREFIX}:{part}")

    assert await harness.queue.heal() == 6
    assert await harness.queue.heal() == 0
    after = await harness.queue.depths([LANE])
    assert (after[LANE].waiting, after[LANE].leased, after[LANE].delayed) == (1, 2, 1)
    assert after.keys() == before.keys()


async def test_healed_delay_is_the_old_one(harness: QueueHarness, redis: Redis) -> None:
    await harness.queue.send(message("m", due_at=harness.now() + 3 * harness.moment))
    await redis.delete(f"{PREFIX}:{LANE}:delay")
    await harness.queue.heal()
    await harness.pass_time(2 * harness.moment)
    early = await harness.left()
    await harness.pass_time(2 * harness.moment)

    assert (early, await harness.left()) == ([], ["m"])


async def test_heal_goes_through_all_messages(harness: QueueHarness, redis: Redis) -> None:
    for lane in LANES:
        await harness.fill(lane)
        await redis.delete(f"{PREFIX}:{lane}:wait", f"{PREFIX}:{lane}:ready")

    assert await harness.queue.heal() == len(await harness.left()) == 1200


async def test_ended_messages_are_forgotten_in_the_end(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("done", "dead", "cancelled", "deleted", "waiting")
    await harness.queue.cancel("cancelled")
    await (await harness.take()).ack()
    for _ in range(2):
        await (await harness.take()).dead_letter("no use")
    await harness.queue.delete("deleted")
    await harness.pass_time(timedelta(days=31))

    forgotten = await redis.lrange(f"{PREFIX}:forgotten", 0, -1)
    assert sorted(forgotten) == [b"cancelled", b"deleted", b"done"]
    assert await harness.queue.send(message("done")) == Enqueued("done")
    assert await harness.queue.replay("dead") == "done"


async def test_an_audit_looks_through_no_long_list_and_what_one_lacks_is_forgotten_in_the_end(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send("m1", "waiting")
    await (await harness.take()).ack()
    (ended,) = await redis.keys(f"{PREFIX}:o:*")
    await redis.delete(ended)
    await redis.rpush(ended, *["waiting"] * 1001)
    await redis.config_resetstat()

    assert await harness.queue.heal() == 0
    assert "cmdstat_lpos" not in await redis.info("commandstats")
    await harness.pass_time(timedelta(days=31))
    assert await redis.exists(f"{PREFIX}:e:m1")
    assert await harness.queue.heal() == 1
    await harness.pass_time(timedelta(minutes=6))
    assert not await redis.exists(f"{PREFIX}:e:m1")


async def test_nothing_is_left_behind(harness: QueueHarness, redis: Redis) -> None:
    await harness.queue.ping()
    await harness.queue.send(message("m1", dedupe=Dedupe(key="k", fingerprint="f")))
    await harness.queue.send(message("m2", due_at=harness.now() + harness.moment))
    await harness.pass_time(2 * harness.moment)
    await (await harness.take()).forward(OTHER_LANE)
    await (await harness.take(OTHER_LANE)).ack()
    await (await harness.take()).dead_letter("no use")
    await harness.queue.delete("m2")
    await harness.pass_time(timedelta(days=31))

    own = {CLOCK, LOG, f"{PREFIX}:forgotten"}  # the rig's
    for key in {key.decode() for key in await redis.keys()} - own:
        is_small = re.fullmatch(r"\{an:0\}:[a-z.]+:(seq|wm)", key)
        assert is_small or await redis.pttl(key) > 0, key


async def test_what_is_due_soon_and_may_expire_is_promoted_without_a_tick(redis_url: str) -> None:
    queue = RedisListQueue(redis_url, options=PATIENT)
    due_at = datetime.now(UTC) + timedelta(milliseconds=300)
    expires_at = due_at + timedelta(minutes=5)
    await queue.send(
        Message(id="m", lane="stage.work", body=b"", due_at=due_at, expires_at=expires_at)
    )

    (delivery,) = await queue.receive(["stage.work"], limit=1, wait=timedelta(seconds=60))
    await delivery.start()
    await delivery.ack()
    await queue.close()


async def test_who_has_not_seen_the_clock_takes_nothing_from_live_workers(
    harness: QueueHarness, redis_url: str
) -> None:
    await harness.send("m")
    held = await harness.take()
    options = replace(PATIENT, lease=harness.lease)
    newcomer = RedisListQueue(redis_url, options=options, lua=sources_with_a_clock())
    due_at = harness.now() + timedelta(seconds=1)  # it looks itself when that has come
    await newcomer.send(message("soon", due_at=due_at, expires_at=due_at + timedelta(hours=9)))
    await harness.jump(timedelta(hours=1))

    soon = await harness.take(wait=timedelta(seconds=60))
    report = await newcomer.tick(LANES)
    await newcomer.close()
    await harness.pass_time(harness.moment)

    assert (soon.id, report) == ("soon", TickReport())
    assert list(await harness.queue.renew([held])) == []
