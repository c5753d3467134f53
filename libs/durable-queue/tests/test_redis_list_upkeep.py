"""Lost tickets, damaged indexes, and what is left behind."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Change, Dedupe, Enqueued, Message, TickReport
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from service_kit.failpoints import FailpointTripped, armed
from testkit.queue_contract.rig import (
    AT_ONCE,
    LANE,
    LANES,
    OTHER_LANE,
    QueueRig,
    message,
)
from testkit.redis_list_rig import (
    CLOCK,
    LOG,
    PREFIX,
    redis_list_rig,
    sources_with_a_clock,
)

READY = f"{PREFIX}:{LANE}:ready"
GRACE = timedelta(seconds=2)


@pytest.fixture
async def rig(redis_url: str) -> AsyncIterator[QueueRig]:
    async with redis_list_rig(redis_url) as rig:
        yield rig


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def test_lost_ticket_is_issued_again_within_six_seconds(rig: QueueRig, redis: Redis) -> None:
    await rig.send("m1", "m2")
    await rig.queue.tick([LANE])
    await redis.lpop(READY)  # a worker dies here, between BLPOP and claim
    seconds = 0
    while await redis.llen(READY) < 2:
        await rig.pass_time(timedelta(seconds=1))
        seconds += 1

    assert seconds <= 6
    assert await rig.left(LANE) == ["m1", "m2"]


async def test_worker_that_dies_after_it_popped_loses_nothing(rig: QueueRig) -> None:
    await rig.send("m")
    with armed("worker.after_pop:raise"), pytest.raises(FailpointTripped):
        await rig.take()
    assert await rig.left(LANE) == []
    for _ in range(3):
        await rig.pass_time(GRACE)

    assert await rig.left(LANE) == ["m"]
    assert await rig.changes("m") == [Change.ENQUEUED]


async def test_tickets_that_are_in_the_list_are_not_issued_again(
    rig: QueueRig, redis: Redis
) -> None:
    await rig.send(*(f"m{number}" for number in range(40)))
    await (await rig.take()).release()
    for _ in range(5):
        await rig.pass_time(GRACE)

    assert await redis.llen(READY) == 40


async def test_all_tickets_may_be_lost_at_once(rig: QueueRig, redis: Redis) -> None:
    ids = [f"m{number:04}" for number in range(290)]
    await rig.send(*ids)
    await rig.queue.tick([LANE])
    await redis.delete(READY)
    found = []
    for _ in range(3):
        await rig.pass_time(GRACE)
        found += await rig.left(LANE)

    assert found == ids


async def test_lost_ticket_is_found_though_others_are_handed_back(
    rig: QueueRig, redis: Redis
) -> None:
    await rig.send(*(f"m{number:03}" for number in range(200)))
    await redis.lpop(READY)
    for _ in range(4):
        await (await rig.take()).release(rig.moment / 100)
        await rig.pass_time(GRACE)
        await (await rig.take()).retry(AT_ONCE)

    assert "m000" in await rig.left(LANE)


async def test_lost_ticket_is_found_among_raw_bytes(rig: QueueRig, redis: Redis) -> None:
    await rig.send("m")
    await redis.lpop(READY)
    await rig.queue.tick([LANE])
    await redis.rpush(READY, *(b"raw" for _ in range(40)))
    await rig.pass_time(GRACE)
    await rig.pass_time(GRACE)

    assert "m" in await rig.left(LANE)


async def test_spent_ticket_is_no_message(rig: QueueRig, redis: Redis) -> None:
    await rig.send("m")
    ticket = (await redis.lrange(READY, 0, 0))[0]
    await redis.rpush(READY, ticket, ticket)

    assert await rig.left(LANE) == ["m"]
    assert await redis.llen(READY) == 0


async def test_index_entry_without_a_message_is_dropped(rig: QueueRig, redis: Redis) -> None:
    for part in ("wait", "lease", "delay"):
        await redis.zadd(f"{PREFIX}:{LANE}:{part}", {"ghost": 1})
    await redis.rpush(READY, "1|ghost")

    assert await rig.left(LANE) == []
    assert await rig.queue.tick([LANE]) == TickReport()
    assert (await rig.queue.depths([LANE]))[LANE].leased == 0


async def test_heal_restores_every_index(rig: QueueRig, redis: Redis) -> None:
    await rig.send("done", "dead", "leased", "started", "delayed", "waiting")
    await (await rig.take()).ack()
    await (await rig.take()).dead_letter("no use")
    await rig.take()
    await (await rig.take()).start()
    await (await rig.take()).retry(2 * rig.moment)
    before = await rig.queue.depths([LANE])
    for part in (f"{LANE}:wait", f"{LANE}:lease", f"{LANE}:delay", "dead", "ended"):
        await redis.delete(f"{PREFIX}:{part}")

    assert await rig.queue.heal() == 6
    assert await rig.queue.heal() == 0
    after = await rig.queue.depths([LANE])
    assert (after[LANE].waiting, after[LANE].leased, after[LANE].delayed) == (1, 2, 1)
    assert after.keys() == before.keys()


async def test_healed_delay_is_the_old_one(rig: QueueRig, redis: Redis) -> None:
    await rig.queue.send(message("m", due_at=rig.now() + 3 * rig.moment))
    await redis.delete(f"{PREFIX}:{LANE}:delay")
    await rig.queue.heal()
    await rig.pass_time(2 * rig.moment)
    early = await rig.left()
    await rig.pass_time(2 * rig.moment)

    assert (early, await rig.left()) == ([], ["m"])


async def test_heal_goes_through_all_messages(rig: QueueRig, redis: Redis) -> None:
    for lane in LANES:
        await rig.fill(lane)
        await redis.delete(f"{PREFIX}:{lane}:wait", f"{PREFIX}:{lane}:ready")

    assert await rig.queue.heal() == len(await rig.left()) == 1200


async def test_ended_messages_are_forgotten_in_the_end(rig: QueueRig, redis: Redis) -> None:
    await rig.send("done", "dead", "cancelled", "deleted", "waiting")
    await rig.queue.cancel("cancelled")
    await (await rig.take()).ack()
    for _ in range(2):
        await (await rig.take()).dead_letter("no use")
    await rig.queue.delete("deleted")
    await rig.pass_time(timedelta(days=31))

    forgotten = await redis.lrange(f"{PREFIX}:forgotten", 0, -1)
    assert sorted(forgotten) == [b"cancelled", b"deleted", b"done"]
    assert await rig.queue.send(message("done")) == Enqueued("done")
    assert await rig.queue.replay("dead") == "done"


async def test_nothing_is_left_behind(rig: QueueRig, redis: Redis) -> None:
    await rig.queue.ping()
    await rig.queue.send(message("m1", dedupe=Dedupe(key="k", fingerprint="f")))
    await rig.queue.send(message("m2", due_at=rig.now() + rig.moment))
    await rig.pass_time(2 * rig.moment)
    await (await rig.take()).forward(OTHER_LANE)
    await (await rig.take(OTHER_LANE)).ack()
    await (await rig.take()).dead_letter("no use")
    await rig.queue.delete("m2")
    await rig.pass_time(timedelta(days=31))

    own = {CLOCK, LOG, f"{PREFIX}:forgotten"}  # the rig's
    for key in {key.decode() for key in await redis.keys()} - own:
        is_small = re.fullmatch(r"\{an:0\}:[a-z.]+:(seq|wm)", key)
        assert is_small or await redis.pttl(key) > 0, key


async def test_what_is_due_soon_and_may_expire_is_promoted_without_a_tick(redis_url: str) -> None:
    queue = RedisListQueue(redis_url)
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
    rig: QueueRig, redis_url: str
) -> None:
    await rig.send("m")
    held = await rig.take()
    options = RedisListOptions(lease=rig.lease)
    newcomer = RedisListQueue(redis_url, options=options, lua=sources_with_a_clock())
    due_at = rig.now() + timedelta(seconds=1)  # it looks itself when that has come
    await newcomer.send(message("soon", due_at=due_at, expires_at=due_at + timedelta(hours=9)))
    await rig.jump(timedelta(hours=1))

    soon = await rig.take(wait=timedelta(seconds=60))
    report = await newcomer.tick(LANES)
    await newcomer.close()
    await rig.pass_time(rig.moment)

    assert (soon.id, report) == ("soon", TickReport())
    assert list(await rig.queue.renew([held])) == []
