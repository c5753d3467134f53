"""The network fails between the queue and Redis, at any byte."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from asyncnotify_prove.tcp_proxy import Direction, TcpProxy
from durable_queue.port import Change, Delivery, Enqueued, QueueUnavailable
from redis.asyncio import Redis
from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    LANES,
    OTHER_LANE,
    SOON,
    QueueHarness,
    message,
)
from testkit.redis_list_harness import redis_list_harness

BRIEFLY = timedelta(milliseconds=50)
# Where a connection breaks, in bytes of replies: before, within and after each reply.
STAIRWAY = [0, 1, 3, 4, 5, 6, 9, 14, 40, 41, 100, 101, 150, 300]


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
def call_timeout() -> timedelta:
    """Say how long a call waits: long, unless a test is about a Redis that is silent."""
    return timedelta(seconds=30)


about_silence = pytest.mark.parametrize("call_timeout", [timedelta(seconds=1.5)])


@pytest.fixture
async def harness(
    redis_url: str, proxy: TcpProxy, call_timeout: timedelta
) -> AsyncIterator[QueueHarness]:
    async with redis_list_harness(
        redis_url, through=proxy.url, call_timeout=call_timeout
    ) as harness:
        await harness.queue.ping()
        yield harness
        proxy.heal()


async def until_it_works(call: Callable[[], Awaitable[object]]) -> object:
    while True:
        with suppress(QueueUnavailable):
            return await call()


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_send_is_stored_once(
    harness: QueueHarness, proxy: TcpProxy, n_bytes: int, direction: Direction
) -> None:
    proxy.reset_after(n_bytes, of=direction)

    outcome = await harness.queue.send(message("m"))

    assert outcome == Enqueued("m")
    assert await harness.left() == ["m"]


@pytest.mark.parametrize("wait", [AT_ONCE, BRIEFLY])
@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_lost_replies_lose_no_message(
    harness: QueueHarness, proxy: TcpProxy, n_bytes: int, wait: timedelta
) -> None:
    ids = {f"m{number}" for number in range(5)}
    await harness.send(*ids)
    proxy.reset_after(n_bytes)

    found = set()
    for _ in range(5):
        with suppress(QueueUnavailable):
            batch = await harness.queue.receive(LANES, limit=3, wait=wait)
            found |= {delivery.id for delivery in batch}
        await harness.pass_time(timedelta(seconds=3))  # less than a lease

    assert found == ids


@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_verdict_counts_once(harness: QueueHarness, proxy: TcpProxy, n_bytes: int) -> None:
    await harness.send("m")
    delivery = await harness.take()
    proxy.reset_after(n_bytes)

    await until_it_works(lambda: delivery.start(b"note"))
    proxy.reset_after(n_bytes)
    await until_it_works(lambda: delivery.forward(OTHER_LANE))

    assert await harness.changes("m") == [Change.ENQUEUED, Change.STARTED, Change.FORWARDED]


@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_replay_counts_once(harness: QueueHarness, proxy: TcpProxy, n_bytes: int) -> None:
    await harness.send("m")
    await (await harness.take()).dead_letter("no use")
    proxy.reset_after(n_bytes)

    assert await harness.queue.replay("m") == "done"
    assert (await harness.changes("m")).count(Change.REPLAYED) == 1


@about_silence
async def test_lost_claim_is_taken_up_by_the_next_receive(
    harness: QueueHarness, proxy: TcpProxy
) -> None:
    await harness.send("m1", "m2")
    proxy.drop_replies()
    with pytest.raises(QueueUnavailable):
        await harness.queue.receive([LANE], limit=2, wait=AT_ONCE)
    proxy.heal()

    assert await harness.left(LANE) == ["m1", "m2"]


async def take_in_the_end(harness: QueueHarness) -> Delivery:
    while True:
        with suppress(QueueUnavailable):
            for delivery in await harness.queue.receive([LANE], limit=1, wait=SOON):
                return delivery


async def somebody_waits_for_an_element(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(60):
        while not (await redis.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)


async def test_adopted_bytes_whose_claim_was_lost_are_adopted_once(
    harness: QueueHarness, proxy: TcpProxy, redis_url: str
) -> None:
    assert harness.push_raw
    receiving = asyncio.create_task(take_in_the_end(harness))
    await somebody_waits_for_an_element(redis_url)
    proxy.reset_after(50)  # after the 45 bytes that BLPOP replies, within the reply of the claim
    await harness.push_raw(LANE, b"raw")

    assert (await receiving).body == b"raw"
    assert [entry.change for entry in await harness.recorded()] == [Change.ADOPTED]


@about_silence
@pytest.mark.parametrize("fault", [TcpProxy.blackhole, TcpProxy.drop_replies, TcpProxy.pause])
async def test_send_fails_fast_while_redis_is_silent(
    harness: QueueHarness, proxy: TcpProxy, fault: Callable[[TcpProxy], None]
) -> None:
    fault(proxy)

    async with asyncio.timeout(60):  # one after the other, 300 would take seven minutes
        outcomes = await asyncio.gather(
            *(harness.queue.send(message(f"m{number}")) for number in range(300)),
            return_exceptions=True,
        )

    assert all(isinstance(outcome, QueueUnavailable) for outcome in outcomes)


async def test_send_fails_while_redis_is_down_and_then_works(
    harness: QueueHarness, proxy: TcpProxy
) -> None:
    await proxy.stop()

    with pytest.raises(QueueUnavailable):
        await harness.queue.send(message("m"))

    await proxy.start()
    assert await harness.queue.send(message("m")) == Enqueued("m")


async def test_receive_says_so_when_its_connection_breaks(
    harness: QueueHarness, proxy: TcpProxy, redis_url: str
) -> None:
    receiving = asyncio.create_task(harness.take())
    await somebody_waits_for_an_element(redis_url)
    proxy.close_all()

    with pytest.raises(QueueUnavailable):
        await receiving
    await harness.send("m")
    assert (await harness.take()).id == "m"


async def test_idle_connections_that_were_closed_are_replaced(
    harness: QueueHarness, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.client_kill_filter(_type="normal", skipme=True)

    await harness.send("m")
    assert await harness.left() == ["m"]


async def test_slow_network_is_put_up_with(harness: QueueHarness, proxy: TcpProxy) -> None:
    proxy.latency, proxy.jitter = timedelta(milliseconds=60), timedelta(milliseconds=40)
    await harness.send("m")
    delivery = await harness.take()
    await delivery.start()
    await delivery.ack()

    assert (await harness.changes("m"))[-1] == Change.DONE


async def test_cancelled_calls_leave_nothing_out_of_step(
    harness: QueueHarness, redis_url: str
) -> None:
    randomness, found = random.Random(7), list[Delivery]()
    for number in range(200):
        calls: list[Coroutine[Any, Any, Any]] = [
            harness.queue.receive([LANE], limit=1, wait=BRIEFLY),
            harness.queue.send(message(f"m{number}")),
            harness.queue.depths([LANE]),
        ]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(randomness.uniform(0, 0.002))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not tasks[0].cancelled():
            found += tasks[0].result()
    await harness.queue.ping()  # all that was sent before has been carried out, too

    ids = {delivery.id for delivery in found}
    async with asyncio.timeout(60):
        while ids != {entry.message_id for entry in await harness.recorded()}:
            ids.update(await harness.left())
    async with Redis.from_url(redis_url) as redis:
        assert (await redis.info("clients"))["connected_clients"] < 30
