"""Redis itself fails: it crashes, is full, read-only, locked, or forgets its scripts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from durable_queue.port import Enqueued, Message, QueueUnavailable, TickReport
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from testkit.redis_list_harness import PATIENT

LANE = "stage.normal"
SOON = timedelta(seconds=60)
AT_ONCE = timedelta(0)


@pytest.fixture
async def queue(every_redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(every_redis_url, options=PATIENT)
    yield queue
    await queue.close()


@pytest.fixture
async def redis(every_redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(every_redis_url) as redis:
        yield redis


async def send(queue: RedisListQueue, *ids: str) -> None:
    await asyncio.gather(*(queue.send(Message(id=name, lane=LANE, body=b"b")) for name in ids))


async def test_killed_redis_comes_back_with_everything(private_redis: EmbeddedRedis) -> None:
    queue = RedisListQueue(private_redis.url, options=PATIENT)
    ids = [f"m{number:03}" for number in range(200)]
    await send(queue, *ids)
    held, *settled = await queue.receive([LANE], limit=10, wait=SOON)
    await asyncio.gather(*(delivery.ack() for delivery in settled))
    await asyncio.sleep(0)

    await private_redis.kill()
    with pytest.raises(QueueUnavailable):
        await send(queue, "refused")
    await private_redis.start()

    left = []
    while batch := await queue.receive([LANE], limit=32, wait=AT_ONCE):
        left += [delivery.id for delivery in batch]
    await held.ack()
    assert sorted([held.id, *(delivery.id for delivery in settled), *left]) == ids
    await queue.close()


async def test_receive_survives_a_restart(private_redis: EmbeddedRedis) -> None:
    queue = RedisListQueue(private_redis.url, options=PATIENT)
    receiving = [asyncio.create_task(queue.receive([LANE], limit=1, wait=SOON)) for _ in range(20)]
    await asyncio.sleep(0.2)

    await private_redis.stop()
    outcomes = await asyncio.gather(*receiving, return_exceptions=True)
    await private_redis.start()
    await send(queue, "m")
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)

    assert all(isinstance(outcome, QueueUnavailable) for outcome in outcomes)
    assert delivery.id == "m"
    await queue.close()


async def test_full_redis_takes_nothing_new(queue: RedisListQueue, redis: Redis) -> None:
    await send(queue, "m")
    await queue.ping()
    keys = set(await redis.keys())
    await redis.config_set("maxmemory", "1mb")

    with pytest.raises(QueueUnavailable, match="full"):
        await send(queue, "refused")
    with pytest.raises(QueueUnavailable, match="full"):
        await queue.ping()

    assert set(await redis.keys()) == keys


async def test_full_redis_lets_work_go_on(queue: RedisListQueue, redis: Redis) -> None:
    names = ("ack", "retry", "forward", "dead_letter", "release", "cancelled")
    await send(queue, *names)
    await redis.config_set("maxmemory", "1mb")

    found = await queue.receive([LANE], limit=6, wait=SOON)
    by_id = {delivery.id: delivery for delivery in found}
    assert list(await queue.renew(found)) == []
    for delivery in found:
        await delivery.start() if delivery.id != "cancelled" else None
    await by_id["ack"].ack()
    await by_id["retry"].retry(timedelta(hours=1))
    await by_id["forward"].forward("next.normal")
    await by_id["dead_letter"].dead_letter("no use")
    await by_id["release"].release()

    assert await queue.cancel("cancelled") == "done"
    assert await queue.replay("dead_letter") == "done"
    assert await queue.tick([LANE]) == TickReport()
    assert await queue.heal() == 0
    depths = await queue.depths([LANE, "next.normal"])
    assert (depths[LANE].waiting, depths[LANE].delayed, depths["next.normal"].waiting) == (2, 1, 1)


async def test_read_only_redis_is_unavailable(queue: RedisListQueue, redis: Redis) -> None:
    await redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(QueueUnavailable, match="replica"):
            await send(queue, "m")
        with pytest.raises(QueueUnavailable, match="replica"):
            await queue.durability()
    finally:
        await redis.replicaof("NO", "ONE")


async def test_receive_says_so_when_redis_becomes_a_replica(
    queue: RedisListQueue, redis: Redis
) -> None:
    receiving = asyncio.create_task(queue.receive([LANE], limit=1, wait=SOON))
    await asyncio.sleep(0.1)
    await redis.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(QueueUnavailable, match="replica"):
            await receiving
    finally:
        await redis.replicaof("NO", "ONE")


async def test_locked_redis_is_unavailable(every_redis_url: str, redis: Redis) -> None:
    await redis.config_set("requirepass", "secret")
    locked = RedisListQueue(every_redis_url, options=PATIENT)
    unlocked = RedisListQueue(every_redis_url.replace("://", "://:secret@"), options=PATIENT)
    try:
        with pytest.raises(QueueUnavailable, match="password"):
            await send(locked, "m")
        await send(unlocked, "m")
    finally:
        await redis.config_set("requirepass", "")
        await locked.close()
        await unlocked.close()


async def test_forgotten_scripts_are_told_again(queue: RedisListQueue, redis: Redis) -> None:
    await send(queue, "m1")
    await redis.script_flush()

    await asyncio.gather(send(queue, "m2"), send(queue, "m3"))
    found = await queue.receive([LANE], limit=5, wait=SOON)

    assert [delivery.id for delivery in found] == ["m1", "m2", "m3"]


async def test_foreign_key_in_the_way_is_no_crash(queue: RedisListQueue, redis: Redis) -> None:
    await redis.set("{an:0}:stage.normal:wait", "not a sorted set")

    with pytest.raises(QueueUnavailable, match="WRONGTYPE"):
        await send(queue, "m")


async def test_other_namespaces_do_not_mix(every_redis_url: str, queue: RedisListQueue) -> None:
    other = RedisListQueue(every_redis_url, options=replace(PATIENT, namespace="other"))
    await send(queue, "m")

    assert await other.send(Message(id="m", lane=LANE, body=b"other")) == Enqueued("m")
    [delivery] = await other.receive([LANE], limit=5, wait=SOON)
    assert delivery.body == b"other"
    await other.close()


async def test_closed_queue_says_so(queue: RedisListQueue) -> None:
    receiving = asyncio.create_task(queue.receive([LANE], limit=1, wait=SOON))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(60):
        await queue.close()

    assert list(await receiving) == []
    with pytest.raises(QueueUnavailable, match="closed"):
        await send(queue, "m")
    with pytest.raises(QueueUnavailable, match="closed"):
        await queue.receive([LANE], limit=1, wait=SOON)
