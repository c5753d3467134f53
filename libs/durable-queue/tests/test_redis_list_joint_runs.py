"""What is asked of a script for many messages shares its runs, and a fault is its message's own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from durable_queue.port import QueueUnavailable
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.connections import Argument, connector
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.runner import ScriptRunner
from durable_queue.redis_list.scripts import assemble, lua_sources
from redis.asyncio import Redis
from testkit.redis_list_harness import PATIENT

# Adds up its numbers; what is no number fails, and what is below 0 is refused by Redis.
BODY = """
local name, by = ...
if tonumber(by) < 0 then redis.call('SET', name) end
return redis.call('INCRBY', name, by)
"""


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
async def runner(redis_url: str) -> AsyncIterator[ScriptRunner]:
    scripts = assemble(lua_sources() | {"send": BODY}, RedisListOptions(), None)
    batcher = Batcher(connector(redis_url, PATIENT.call_timeout), timeout=PATIENT.call_timeout)
    yield ScriptRunner(batcher, scripts, "{an:0}")
    await batcher.close()


async def runs(redis: Redis) -> int:
    """Return how many scripts Redis has run."""
    stats = await redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


async def test_what_is_asked_at_once_is_one_run(runner: ScriptRunner, redis: Redis) -> None:
    await runner.run("send", "sum", 0)
    before = await runs(redis)

    replies = await asyncio.gather(*(runner.run("send", "sum", 1) for _ in range(40)))

    assert replies == list(range(1, 41))
    assert await runs(redis) - before == 1


async def test_many_rows_are_several_runs_in_order(runner: ScriptRunner, redis: Redis) -> None:
    await runner.run("send", "sum", 0)
    before = await runs(redis)

    assert await runner.run_many("send", [("sum", 1)] * 200) == list(range(1, 201))
    assert 1 < await runs(redis) - before <= 4


async def test_what_arrives_while_a_run_is_under_way_is_the_next(
    runner: ScriptRunner, redis: Redis
) -> None:
    await runner.run("send", "sum", 0)
    before = await runs(redis)
    first = asyncio.create_task(runner.run("send", "sum", 1))
    await asyncio.sleep(0)  # it asks
    await asyncio.sleep(0)  # it is sent
    later = [asyncio.create_task(runner.run("send", "sum", 1)) for _ in range(3)]

    assert await asyncio.gather(first, *later) == [1, 2, 3, 4]
    assert await runs(redis) - before <= 2


async def test_a_fault_answers_for_its_message_alone(runner: ScriptRunner) -> None:
    rows: list[tuple[Argument, ...]] = [("sum", value) for value in (1, "no number", -1, 1)]

    first, no_number, refused, last = await runner.run_many("send", rows)

    assert (first, last) == (1, 2)
    assert isinstance(no_number, QueueUnavailable)
    assert isinstance(refused, QueueUnavailable)
    with pytest.raises(QueueUnavailable):
        await runner.run("send", "sum", "no number")


async def test_a_redis_that_forgot_the_script_is_told_it(
    runner: ScriptRunner, redis: Redis
) -> None:
    await runner.run("send", "sum", 1)
    await redis.script_flush()

    assert await runner.run_many("send", [("sum", 1), ("sum", 1)]) == [2, 3]


async def test_who_asks_after_the_end_is_refused_at_once(redis_url: str) -> None:
    scripts = assemble(lua_sources(), RedisListOptions(), None)
    batcher = Batcher(connector(redis_url, PATIENT.call_timeout), timeout=PATIENT.call_timeout)
    runner = ScriptRunner(batcher, scripts, "{an:0}")
    await batcher.close()

    async with asyncio.timeout(60):
        for _ in range(2):
            with pytest.raises(QueueUnavailable):
                await runner.run("start", "id", "token", b"", "resend")
