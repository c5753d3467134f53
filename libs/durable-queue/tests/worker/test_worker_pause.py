"""A worker that is paused receives nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery
from durable_queue.worker import Isolation
from testkit.running import Running, until

Send = Callable[..., Awaitable[None]]


async def waiting(queue: InMemoryQueue) -> int:
    return (await queue.depths(["work"]))["work"].waiting


async def test_a_paused_worker_finishes_what_it_has_and_takes_nothing_up(
    running: Running, send: Send, queue: InMemoryQueue
) -> None:
    may_end, done = asyncio.Event(), []

    async def handle(delivery: Delivery) -> None:
        await may_end.wait()
        await delivery.ack()
        done.append(delivery.id)

    worker = running.worker(handle)
    await send("before")
    await until(lambda: worker.stats().in_flight == 1)

    worker.pause()
    await send("after")
    may_end.set()
    await until(lambda: done == ["before"])
    await asyncio.sleep(0.1)  # in which it would take up the next one

    assert (worker.is_paused, worker.stats().is_paused) == (True, True)
    assert (done, await waiting(queue)) == (["before"], 1)

    worker.resume()
    await until(lambda: done == ["before", "after"])
    assert not worker.stats().is_paused


async def test_one_that_is_paused_while_a_message_is_handled_alone_takes_nothing_up_after_it(
    running: Running, send: Send, queue: InMemoryQueue
) -> None:
    isolation = Isolation()
    worker = running.worker(lambda delivery: delivery.ack(), isolation=isolation)
    isolation.begin()
    await asyncio.sleep(0.02)  # in which it comes to wait for the end of that
    worker.pause()
    await send("1")
    isolation.end()
    await asyncio.sleep(0.1)  # in which it would take it up

    assert (worker.stats().handled, await waiting(queue)) == (0, 1)
    worker.resume()
    await until(lambda: worker.stats().handled == 1)


async def test_a_worker_that_begins_paused_waits_to_be_resumed(
    running: Running, send: Send, queue: InMemoryQueue
) -> None:
    worker = running.worker(lambda delivery: delivery.ack(), is_paused=True)
    await send("1")
    await asyncio.sleep(0.1)
    assert (await waiting(queue), worker.stats().last_poll_age.total_seconds()) == (1, 0)

    worker.resume()

    await until(lambda: worker.stats().handled == 1)


async def test_pausing_and_resuming_at_once_changes_nothing(running: Running, send: Send) -> None:
    worker = running.worker(lambda delivery: delivery.ack())
    await asyncio.sleep(0.02)

    for _ in range(3):
        worker.pause()
        worker.resume()
        worker.resume()
    await send("1")

    await until(lambda: worker.stats().handled == 1)


async def test_a_paused_worker_stops_at_once(running: Running) -> None:
    worker = running.worker(lambda delivery: delivery.ack())
    worker.pause()
    await asyncio.sleep(0.02)

    async with asyncio.timeout(60):
        await running.stop()
    assert worker.stats().in_flight == 0
