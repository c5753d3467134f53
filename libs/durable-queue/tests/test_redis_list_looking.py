"""What a look at lanes costs in which nothing is to be done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from testkit.queue_contract.harness import LANE, LANES, OTHER_LANE, QueueHarness, message
from testkit.redis_list_harness import redis_list_harness


@pytest.fixture
async def harness(redis_url: str) -> AsyncIterator[QueueHarness]:
    async with redis_list_harness(redis_url) as harness:
        yield harness


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def calls(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    own = ("cmdstat_info", "cmdstat_config")
    return sum(each["calls"] for name, each in stats.items() if not name.startswith(own))


async def test_a_look_at_lanes_in_which_nothing_is_costs_one_command(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send("m")
    await (await harness.take()).ack()
    await harness.queue.tick(LANES)
    before = await calls(redis)

    reports = [await harness.queue.tick(LANES) for _ in range(10)]

    assert await calls(redis) - before == 10
    assert all(report.empty == set(LANES) for report in reports)
    await harness.send("n")
    assert (await harness.queue.tick(LANES)).empty == set(LANES) - {LANE}


async def test_what_comes_into_another_lane_is_looked_after_too(harness: QueueHarness) -> None:
    await harness.queue.send(message("far", due_at=harness.now() + timedelta(days=1)))
    await harness.queue.tick(LANES)
    due_at = harness.now() + harness.moment
    await harness.queue.send(replace(message("soon", due_at=due_at), lane=OTHER_LANE))
    await harness.pass_time(2 * harness.moment)

    assert await harness.left(OTHER_LANE) == ["soon"]


async def test_what_waits_for_a_far_time_costs_six_commands_a_look(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.queue.send(message("far", due_at=harness.now() + timedelta(days=1)))
    await harness.queue.tick(LANES)
    before = await calls(redis)

    report = await harness.queue.tick(LANES)

    assert report.next_due is not None
    assert report.next_due > timedelta(hours=23)
    assert await calls(redis) - before <= 7  # one of them is the test's own clock
