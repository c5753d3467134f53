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
from testkit.queue_contract.rig import (
    AT_ONCE,
    LANE,
    LANES,
    OTHER_LANE,
    SOON,
    QueueRig,
    message,
)
from testkit.redis_list_rig import redis_list_rig

BRIEFLY = timedelta(milliseconds=50)
# Where a connection breaks, in bytes of replies: before, within and after each reply.
STAIRWAY = [0, 1, 3, 4, 5, 6, 9, 14, 40, 41, 100, 101, 150, 300]


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
async def rig(redis_url: str, proxy: TcpProxy) -> AsyncIterator[QueueRig]:
    async with redis_list_rig(redis_url, through=proxy.url) as rig:
        await rig.queue.ping()
        yield rig
        proxy.heal()


async def until_it_works(call: Callable[[], Awaitable[object]]) -> object:
    while True:
        with suppress(QueueUnavailable):
            return await call()


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_send_is_stored_once(
    rig: QueueRig, proxy: TcpProxy, n_bytes: int, direction: Direction
) -> None:
    proxy.reset_after(n_bytes, of=direction)

    outcome = await rig.queue.send(message("m"))

    assert outcome == Enqueued("m")
    assert await rig.left() == ["m"]


@pytest.mark.parametrize("wait", [AT_ONCE, BRIEFLY])
@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_lost_replies_lose_no_message(
    rig: QueueRig, proxy: TcpProxy, n_bytes: int, wait: timedelta
) -> None:
    ids = {f"m{number}" for number in range(5)}
    await rig.send(*ids)
    proxy.reset_after(n_bytes)

    found = set()
    for _ in range(5):
        with suppress(QueueUnavailable):
            batch = await rig.queue.receive(LANES, limit=3, wait=wait)
            found |= {delivery.id for delivery in batch}
        await rig.pass_time(timedelta(seconds=3))  # less than a lease

    assert found == ids


@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_verdict_counts_once(rig: QueueRig, proxy: TcpProxy, n_bytes: int) -> None:
    await rig.send("m")
    delivery = await rig.take()
    proxy.reset_after(n_bytes)

    await until_it_works(lambda: delivery.start(b"note"))
    proxy.reset_after(n_bytes)
    await until_it_works(lambda: delivery.forward(OTHER_LANE))

    assert await rig.changes("m") == [Change.ENQUEUED, Change.STARTED, Change.FORWARDED]


@pytest.mark.parametrize("n_bytes", STAIRWAY)
async def test_replay_counts_once(rig: QueueRig, proxy: TcpProxy, n_bytes: int) -> None:
    await rig.send("m")
    await (await rig.take()).dead_letter("no use")
    proxy.reset_after(n_bytes)

    assert await rig.queue.replay("m") == "done"
    assert (await rig.changes("m")).count(Change.REPLAYED) == 1


async def test_lost_claim_is_taken_up_by_the_next_receive(rig: QueueRig, proxy: TcpProxy) -> None:
    await rig.send("m1", "m2")
    proxy.drop_replies()
    with pytest.raises(QueueUnavailable):
        await rig.queue.receive([LANE], limit=2, wait=AT_ONCE)
    proxy.heal()

    assert await rig.left(LANE) == ["m1", "m2"]


async def take_in_the_end(rig: QueueRig) -> Delivery:
    while True:
        with suppress(QueueUnavailable):
            for delivery in await rig.queue.receive([LANE], limit=1, wait=SOON):
                return delivery


async def somebody_waits_for_an_element(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(60):
        while not (await redis.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)


async def test_adopted_bytes_whose_claim_was_lost_are_adopted_once(
    rig: QueueRig, proxy: TcpProxy, redis_url: str
) -> None:
    assert rig.push_raw
    receiving = asyncio.create_task(take_in_the_end(rig))
    await somebody_waits_for_an_element(redis_url)
    proxy.reset_after(50)  # after the 45 bytes that BLPOP replies, within the reply of the claim
    await rig.push_raw(LANE, b"raw")

    assert (await receiving).body == b"raw"
    assert [entry.change for entry in await rig.recorded()] == [Change.ADOPTED]


@pytest.mark.parametrize("fault", [TcpProxy.blackhole, TcpProxy.drop_replies, TcpProxy.pause])
async def test_send_fails_fast_while_redis_is_silent(
    rig: QueueRig, proxy: TcpProxy, fault: Callable[[TcpProxy], None]
) -> None:
    fault(proxy)

    async with asyncio.timeout(60):  # one after the other, 300 would take seven minutes
        outcomes = await asyncio.gather(
            *(rig.queue.send(message(f"m{number}")) for number in range(300)),
            return_exceptions=True,
        )

    assert all(isinstance(outcome, QueueUnavailable) for outcome in outcomes)


async def test_send_fails_while_redis_is_down_and_then_works(
    rig: QueueRig, proxy: TcpProxy
) -> None:
    await proxy.stop()

    with pytest.raises(QueueUnavailable):
        await rig.queue.send(message("m"))

    await proxy.start()
    assert await rig.queue.send(message("m")) == Enqueued("m")


async def test_receive_says_so_when_its_connection_breaks(rig: QueueRig, proxy: TcpProxy) -> None:
    receiving = asyncio.create_task(rig.take())
    await asyncio.sleep(0.05)
    proxy.close_all()

    with pytest.raises(QueueUnavailable):
        await receiving
    await rig.send("m")
    assert (await rig.take()).id == "m"


async def test_idle_connections_that_were_closed_are_replaced(
    rig: QueueRig, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.client_kill_filter(_type="normal", skipme=True)

    await rig.send("m")
    assert await rig.left() == ["m"]


async def test_slow_network_is_put_up_with(rig: QueueRig, proxy: TcpProxy) -> None:
    proxy.latency, proxy.jitter = timedelta(milliseconds=60), timedelta(milliseconds=40)
    await rig.send("m")
    delivery = await rig.take()
    await delivery.start()
    await delivery.ack()

    assert (await rig.changes("m"))[-1] == Change.DONE


async def test_cancelled_calls_leave_nothing_out_of_step(rig: QueueRig, redis_url: str) -> None:
    randomness, found = random.Random(7), list[Delivery]()
    for number in range(200):
        calls: list[Coroutine[Any, Any, Any]] = [
            rig.queue.receive([LANE], limit=1, wait=BRIEFLY),
            rig.queue.send(message(f"m{number}")),
            rig.queue.depths([LANE]),
        ]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(randomness.uniform(0, 0.002))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not tasks[0].cancelled():
            found += tasks[0].result()
    await asyncio.sleep(0.1)

    stored = {entry.message_id for entry in await rig.recorded()}
    assert stored == {delivery.id for delivery in found} | set(await rig.left())
    async with Redis.from_url(redis_url) as redis:
        assert (await redis.info("clients"))["connected_clients"] < 30
