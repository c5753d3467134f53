"""The worker and the queue that it is mostly used with, under faults: nothing is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify_prove.tcp_proxy import TcpProxy
from durable_queue.port import Delivery, LaneDepth
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from testkit.redis_list_harness import PATIENT
from testkit.running import Running, until

LEASE = timedelta(milliseconds=300)
# Silence is what these tests make; it is not to end as poison.
OPTIONS = replace(
    PATIENT, lease=LEASE, ticket_grace=timedelta(milliseconds=100), max_deliveries=10_000
)
COUNT = 300

Send = Callable[..., Awaitable[None]]
Open = Callable[..., RedisListQueue]
UntilEmpty = Callable[[RedisListQueue], Awaitable[None]]


@pytest.fixture
async def open_queue() -> AsyncIterator[Open]:
    opened: list[RedisListQueue] = []

    def open_one(url: str, *, lease: timedelta = LEASE) -> RedisListQueue:
        opened.append(RedisListQueue(url, options=replace(OPTIONS, lease=lease)))
        return opened[-1]

    yield open_one
    for queue in opened:
        await queue.close()


class Outside:
    """What the outside world sees: how often each message took effect, and which are settled."""

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.settled: set[str] = set()
        self._random = Random(7)

    async def handle(self, delivery: Delivery) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.005))
        await delivery.start()
        self.effects[delivery.id] += 1
        await asyncio.sleep(self._random.uniform(0, 0.005))
        await delivery.ack()
        self.settled.add(delivery.id)


@pytest.fixture
def until_empty() -> UntilEmpty:
    async def wait_until_empty(queue: RedisListQueue) -> None:
        async with asyncio.timeout(60):
            while (await queue.depths(["work"]))["work"] != LaneDepth():
                await asyncio.sleep(0.02)

    return wait_until_empty


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def all_ids() -> list[str]:
    return [str(number) for number in range(COUNT)]


async def test_nothing_is_lost_when_workers_are_cancelled_at_random_moments(
    running: Running,
    send: Send,
    open_queue: Open,
    redis_url: str,
    until_empty: UntilEmpty,
    outside: Outside,
    all_ids: list[str],
) -> None:
    running.queue = queue = open_queue(redis_url)
    moments = Random(42)
    await send(*all_ids)

    for _ in range(50):
        running.worker(outside.handle)
        running.ticker()
        await asyncio.sleep(moments.uniform(0, 0.02))
        await running.cancel()
    running.worker(outside.handle)
    running.ticker()
    await until_empty(queue)
    await running.stop()

    assert set(outside.effects) == set(all_ids)
    async with Redis.from_url(redis_url) as connection:
        assert len(await connection.client_list()) < 10  # none is left blocked


async def test_nothing_is_lost_or_done_twice_when_workers_stop_gracefully(
    running: Running,
    send: Send,
    open_queue: Open,
    redis_url: str,
    outside: Outside,
    all_ids: list[str],
) -> None:
    moments = Random(43)
    running.lease = timedelta(seconds=30)  # whoever loses a lease does things twice
    running.queue = queue = open_queue(redis_url, lease=running.lease)
    await send(*all_ids)

    for _ in range(15):
        shift = Running(queue, lease=running.lease)
        shift.worker(outside.handle)
        shift.ticker()
        await asyncio.sleep(moments.uniform(0, 0.03))
        await shift.stop()
    running.worker(outside.handle)
    running.ticker()
    await until(lambda: outside.settled == set(all_ids))

    assert set(outside.effects.values()) == {1}


async def test_nothing_is_lost_when_redis_is_killed_and_started_again(
    running: Running,
    send: Send,
    open_queue: Open,
    private_redis: EmbeddedRedis,
    until_empty: UntilEmpty,
    outside: Outside,
    all_ids: list[str],
) -> None:
    running.queue = queue = open_queue(private_redis.url)
    await send(*all_ids)
    running.worker(outside.handle)
    running.ticker()
    await until(lambda: len(outside.settled) > COUNT / 4)

    await private_redis.kill()
    await asyncio.sleep(0.2)
    await private_redis.start()

    await until_empty(queue)

    assert set(outside.effects) == set(all_ids)


async def test_nothing_is_lost_when_connections_break_at_random_bytes(
    running: Running,
    send: Send,
    open_queue: Open,
    redis_url: str,
    until_empty: UntilEmpty,
    outside: Outside,
    all_ids: list[str],
) -> None:
    moments = Random(44)
    running.queue = direct = open_queue(redis_url)
    await send(*all_ids)
    async with TcpProxy(redis_url) as proxy:
        running.queue = open_queue(proxy.url)
        running.worker(outside.handle)
        running.ticker()
        for _ in range(20):
            proxy.reset_after(moments.randrange(400))
            await asyncio.sleep(0.02)
        proxy.heal()
        await until_empty(direct)
        await running.stop()
        await running.queue.close()

    assert set(outside.effects) == set(all_ids)
