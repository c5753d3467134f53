import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from durable_queue.memory import InMemoryQueue
from durable_queue.port import Change, Delivery
from durable_queue.recorder import ChangeEvent
from structlog.typing import EventDict
from testkit.running import Running, until

Send = Callable[..., Awaitable[None]]

GRACE = timedelta(milliseconds=400)
A_DAY = timedelta(days=1)


async def test_idle_worker_stops_at_once(running: Running) -> None:
    worker = running.worker(lambda delivery: delivery.ack(), grace=A_DAY)
    await asyncio.sleep(0.02)

    async with asyncio.timeout(60):
        await running.stop()
    assert worker.stats().in_flight == 0


async def test_what_is_in_hand_is_finished_and_nothing_more_received(
    running: Running, send: Send, queue: InMemoryQueue, changes: list[ChangeEvent]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await running.stopping.wait()
        await delivery.ack()

    await send("1", "2", "3")
    worker = running.worker(handle, concurrency=2)
    await until(lambda: worker.stats().in_flight == 2)

    await running.stop()

    done = {recorded.message_id for recorded in changes if recorded.change is Change.DONE}
    assert done == {"1", "2"}
    assert (await queue.depths(["work"]))["work"].waiting == 1


async def test_unstarted_message_is_handed_back_and_a_started_one_left_when_the_grace_ends(
    running: Running,
    send: Send,
    queue: InMemoryQueue,
    changes: list[ChangeEvent],
    logs: list[EventDict],
) -> None:
    async def handle(delivery: Delivery) -> None:
        if delivery.id == "started":
            await delivery.start()
        await asyncio.sleep(A_DAY.total_seconds())

    await send("started", "unstarted")
    worker = running.worker(handle, grace=GRACE)
    await until(lambda: worker.stats().in_flight == 2)

    async with asyncio.timeout(60):
        seconds = await running.stop()

    assert seconds > GRACE.total_seconds() * 0.7
    fates = {recorded.message_id: recorded.change for recorded in changes}
    assert fates == {"started": Change.STARTED, "unstarted": Change.RELEASED}
    depth = (await queue.depths(["work"]))["work"]
    assert (depth.waiting, depth.leased, depth.delayed) == (1, 1, 0)
    cut_off = next(log for log in logs if log["event"] == "worker.cut_off")
    assert (cut_off["handed_back"], cut_off["left_to_lease"]) == (1, 1)


async def test_handler_that_refuses_to_end_does_not_hold_up_the_stop(
    running: Running, send: Send
) -> None:
    freed = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    await send("1")
    worker = running.worker(handle, grace=GRACE)
    await until(lambda: worker.stats().in_flight == 1)

    async with asyncio.timeout(60):
        await running.stop()

    freed.set()
    await until(lambda: worker.stats().in_flight == 0)


async def test_broker_that_is_away_does_not_hold_up_the_stop(
    running: Running, send: Send, queue: InMemoryQueue
) -> None:
    async def handle(delivery: Delivery) -> None:
        queue.is_down = True
        await delivery.ack()

    await send("1")
    worker = running.worker(handle, grace=GRACE, lease=A_DAY)
    await until(lambda: worker.stats().in_flight == 1)

    async with asyncio.timeout(60):
        await running.stop()


async def test_second_stop_changes_nothing(
    running: Running, send: Send, changes: list[ChangeEvent]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(0.1)
        await delivery.ack()

    await send("1")
    worker = running.worker(handle)
    await until(lambda: worker.stats().in_flight == 1)

    first = asyncio.create_task(running.stop())
    await asyncio.sleep(0.02)
    await running.stop()
    await first

    assert [recorded.change for recorded in changes] == [Change.ENQUEUED, Change.DONE]


async def test_worker_that_is_cancelled_drops_its_messages_without_a_verdict(
    running: Running, send: Send, changes: list[ChangeEvent]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(A_DAY.total_seconds())
        await delivery.ack()

    await send("1")
    worker = running.worker(handle)
    await until(lambda: worker.stats().in_flight == 1)

    await running.cancel()
    await until(lambda: worker.stats().in_flight == 0)

    assert [recorded.change for recorded in changes] == [Change.ENQUEUED]
