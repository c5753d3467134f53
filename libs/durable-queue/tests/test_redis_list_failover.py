"""Another server is behind the name by now, and the one that was there stays up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.ports import free_port
from durable_queue.port import Dedupe, Duplicate, Enqueued, QueueUnavailable
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from testkit.failover import RedisPair
from testkit.queue_contract.harness import LANE, message
from testkit.redis_list_harness import PATIENT

SOON = timedelta(seconds=5)
CEILING_S = 60


@pytest.fixture
async def queue(redis_pair: RedisPair) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(redis_pair.url, options=PATIENT)
    yield queue
    await queue.close()


async def test_what_the_old_primary_refuses_goes_to_the_new_one(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    await queue.send(message("before"))
    [held] = await queue.receive([LANE], limit=1, wait=SOON)
    await redis_pair.fail_over()
    redis_pair.move_name()

    outcome = await queue.send(message("after"))
    await held.ack()

    assert outcome == Enqueued("after")
    assert await _ids(redis_pair.new) == {b"{an:0}:e:before", b"{an:0}:e:after"}
    assert await _ids(redis_pair.old) == {b"{an:0}:e:before"}


async def test_a_waiting_receive_finds_messages_of_the_new_primary(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    async def one() -> str:
        while True:
            with suppress(QueueUnavailable):
                found = await queue.receive([LANE], limit=1, wait=SOON)
                if found:
                    return found[0].id

    waiting = [asyncio.create_task(one()) for _ in range(5)]
    await asyncio.sleep(0.2)
    await redis_pair.fail_over()
    redis_pair.move_name()

    for number in range(5):
        await queue.send(message(f"m{number}"))
    async with asyncio.timeout(CEILING_S):
        found = await asyncio.gather(*waiting)

    assert sorted(found) == ["m0", "m1", "m2", "m3", "m4"]


async def test_looking_at_its_settings_does_not_keep_to_the_old_primary(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    await redis_pair.fail_over()
    with pytest.raises(QueueUnavailable, match="replica: its name has to lead to a primary"):
        await queue.durability()

    redis_pair.move_name()

    assert (await queue.durability()).faults == []


async def test_while_the_name_still_leads_to_the_old_one_it_is_said(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    await queue.ping()
    await redis_pair.fail_over()

    with pytest.raises(QueueUnavailable, match="read-only replica"):
        await queue.ping()


async def test_a_primary_that_misses_its_replicas_is_left_for_who_is_behind_the_name(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    await redis_pair.replicated()
    await queue.ping()
    async with Redis.from_url(redis_pair.old.url) as old, Redis.from_url(redis_pair.new.url) as new:
        await new.replicaof("NO", "ONE")
        await old.config_set("min-replicas-to-write", "3")
    with pytest.raises(QueueUnavailable, match="misses the replicas"):
        await queue.send(message("refused"))

    redis_pair.move_name()

    assert await queue.send(message("taken")) == Enqueued("taken")


async def test_a_replica_without_its_master_is_left_for_who_is_behind_the_name(
    redis_pair: RedisPair, queue: RedisListQueue
) -> None:
    dedupe = Dedupe(key="k", fingerprint="f", answer="a")
    await queue.send(message("m", dedupe=dedupe))
    await redis_pair.fail_over()
    async with Redis.from_url(redis_pair.old.url) as old:
        await old.config_set("replica-serve-stale-data", "no")
    with pytest.raises(QueueUnavailable, match="without its master"):
        await queue.recall(dedupe)

    redis_pair.move_name()

    assert await queue.recall(dedupe) == Duplicate("m", "a")


async def test_a_node_of_a_cluster_says_that_it_is_one(tmp_path: Path) -> None:
    nodes = [
        EmbeddedRedis(
            tmp_path / name,
            options={"cluster-enabled": "yes", "cluster-port": str(free_port())},
        )
        for name in ("first", "second")
    ]
    await asyncio.gather(*(node.start() for node in nodes))
    async with Redis.from_url(nodes[0].url) as first, Redis.from_url(nodes[1].url) as second:
        slot = await first.execute_command("CLUSTER", "KEYSLOT", "{an:0}")
        await first.execute_command("CLUSTER", "ADDSLOTSRANGE", slot, slot)
        await second.execute_command("CLUSTER", "ADDSLOTSRANGE", *_all_but(slot))
        bus = (await second.config_get("cluster-port"))["cluster-port"]
        await first.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[1].port, bus)
        async with asyncio.timeout(CEILING_S):
            while b"cluster_state:ok" not in await second.execute_command("CLUSTER", "INFO"):
                await asyncio.sleep(0.1)
    queue = RedisListQueue(nodes[1].url, options=PATIENT)

    with pytest.raises(QueueUnavailable, match="one node of a Redis cluster"):
        await queue.ping()

    await queue.close()
    await asyncio.gather(*(node.stop() for node in nodes))


def _all_but(slot: int) -> list[int]:
    ranges = [(0, slot - 1), (slot + 1, 16383)]
    return [end for low, high in ranges if low <= high for end in (low, high)]


async def _ids(server: EmbeddedRedis) -> set[bytes]:
    async with Redis.from_url(server.url) as redis:
        return {bytes(key) for key in await redis.keys("{an:0}:e:*") if isinstance(key, bytes)}
