"""Redis's settings, judged."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from durable_queue.port import Durability, QueueUnavailable
from durable_queue.redis_list.inspection import judge
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from testkit.redis_list_harness import PATIENT

SAFE = {"redis_version": "7.2.4", "aof_enabled": "1", "maxmemory_policy": "noeviction"}
EVERY_SECOND = {"appendfsync": "everysec"}


@pytest.fixture
async def queue(every_redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(every_redis_url, options=PATIENT)
    yield queue
    await queue.close()


async def test_embedded_redis_is_safe(queue: RedisListQueue) -> None:
    assert await queue.durability() == Durability(profile="everysec", faults=[])


async def test_strictest_setting_is_named(queue: RedisListQueue, every_redis_url: str) -> None:
    async with Redis.from_url(every_redis_url) as redis:
        await redis.config_set("appendfsync", "always")

    assert (await queue.durability()).profile == "always"


async def test_managed_redis_need_not_tell_its_settings(every_redis_url: str) -> None:
    async with Redis.from_url(every_redis_url) as redis:
        await redis.acl_setuser(
            "tenant", enabled=True, passwords="+secret", categories=["+@all"], keys=["*"]
        )
        await redis.execute_command("ACL", "SETUSER", "tenant", "-config")
    queue = RedisListQueue(every_redis_url.replace("://", "://tenant:secret@"), options=PATIENT)

    assert await queue.durability() == Durability(profile="unknown", faults=[])
    await queue.close()


async def test_account_that_may_not_ask_is_told_what_it_lacks(every_redis_url: str) -> None:
    async with Redis.from_url(every_redis_url) as redis:
        await redis.execute_command(
            "ACL", "SETUSER", "tenant", "on", ">secret", "~*", "+@all", "-info"
        )
    queue = RedisListQueue(every_redis_url.replace("://", "://tenant:secret@"), options=PATIENT)

    found = await queue.durability()

    assert found.profile == "unknown"
    assert "+info" in found.faults[0]
    await queue.close()


async def test_redis_that_is_down_is_no_verdict(private_redis: EmbeddedRedis) -> None:
    queue = RedisListQueue(private_redis.url, options=PATIENT)
    await private_redis.stop()

    with pytest.raises(QueueUnavailable):
        await queue.durability()
    await queue.close()


@pytest.mark.parametrize(
    ("info", "settings", "fault"),
    [
        ({"aof_enabled": "0"}, {}, "appendonly"),
        ({}, {"appendfsync": "no"}, "appendfsync"),
        ({"redis_version": "6.2.14"}, EVERY_SECOND, "7.0 or newer"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": "9"}, EVERY_SECOND, "deletes messages"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": "0"}, EVERY_SECOND, "once a maxmemory"),
        ({"maxmemory_policy": "volatile-ttl", "maxmemory": "9"}, EVERY_SECOND, "idempotency keys"),
        ({"aof_last_write_status": "err"}, EVERY_SECOND, "disk"),
    ],
)
def test_each_fault_is_named(
    info: Mapping[str, str], settings: Mapping[str, str], fault: str
) -> None:
    [found] = judge({**SAFE, **info}, settings).faults

    assert fault in found


def test_without_a_log_the_profile_is_none() -> None:
    assert judge({**SAFE, "aof_enabled": "0"}, EVERY_SECOND).profile == "none"


async def test_a_log_that_is_switched_on_again_counts_when_all_data_is_in_it(
    private_redis: EmbeddedRedis,
) -> None:
    queue = RedisListQueue(private_redis.url, options=PATIENT)
    async with Redis.from_url(private_redis.url) as redis:
        await redis.config_set("rdb-key-save-delay", "1000000")  # a second for each key
        await redis.mset({f"key{number}": "x" for number in range(600)})
        await redis.config_set("appendonly", "no")
        off = (await queue.durability()).faults
        await redis.config_set("appendonly", "yes")
        incomplete = (await queue.durability()).faults
        await redis.config_set("rdb-key-save-delay", "0")
        await redis.config_set("appendonly", "no")  # ends the rewrite that is so slow
        await redis.config_set("appendonly", "yes")
        async with asyncio.timeout(60):
            while (await queue.durability()).faults:
                await asyncio.sleep(0.05)
    await queue.close()

    assert ["appendonly is no" in fault for fault in off] == [True]
    assert ["not complete yet" in fault for fault in incomplete] == [True]
