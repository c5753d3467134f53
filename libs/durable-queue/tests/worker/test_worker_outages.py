import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import ClassVar

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.metrics import QueueMetrics
from durable_queue.port import Change, Delivery, QueueUnavailable
from prometheus_client import CollectorRegistry
from service_kit.failpoints import armed
from structlog.typing import EventDict
from testkit.running import Running, until

Send = Callable[..., Awaitable[None]]
Happened = Callable[[str], list[Change]]


async def test_outage_is_survived_and_said_once(
    running: Running, queue: InMemoryQueue, send: Send, logs: list[EventDict]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await delivery.ack()

    queue.is_down = True
    worker = running.worker(handle)
    await until(lambda: bool(logs))
    await asyncio.sleep(0.4)
    queue.is_down = False
    await send("1")
    await until(lambda: worker.stats().handled == 1)

    said = [log["event"] for log in logs if log.get("doing") == "test: receive"]
    assert said == ["queue.unavailable", "queue.available"]


async def test_tries_during_an_outage_come_ever_more_slowly(running: Running) -> None:
    loop, tries = asyncio.get_running_loop(), list[float]()

    class DownQueue(InMemoryQueue):
        async def receive(
            self, lanes: Sequence[str], *, limit: int, wait: timedelta
        ) -> Sequence[Delivery]:
            tries.append(loop.time())
            raise QueueUnavailable("down")

    running.queue = DownQueue()
    running.worker(lambda delivery: delivery.ack())
    await until(lambda: len(tries) == 4)

    waited = [later - earlier for earlier, later in pairwise(tries)]
    assert all(
        seconds > 0.79 * least for seconds, least in zip(waited, (0.1, 0.2, 0.4), strict=True)
    )


async def test_receive_loop_survives_a_bug(
    running: Running, send: Send, logs: list[EventDict]
) -> None:
    class BuggyQueue(InMemoryQueue):
        failures: ClassVar = [KeyError("bug"), asyncio.CancelledError()]

        async def receive(
            self, lanes: Sequence[str], *, limit: int, wait: timedelta
        ) -> Sequence[Delivery]:
            if self.failures:
                raise self.failures.pop()
            return await super().receive(lanes, limit=limit, wait=wait)

    running.queue = BuggyQueue()
    await send("1")
    worker = running.worker(lambda delivery: delivery.ack())
    await until(lambda: worker.stats().handled == 1)

    assert [log["event"] for log in logs].count("worker.receive_failed") == 2


async def test_verdict_reaches_a_broker_that_was_away_for_less_than_the_lease(
    running: Running, queue: InMemoryQueue, send: Send, happened: Happened
) -> None:
    async def handle(delivery: Delivery) -> None:
        queue.is_down = True
        asyncio.get_running_loop().call_later(0.3, setattr, queue, "is_down", False)
        await delivery.ack()

    await send("1")
    worker = running.worker(handle, lease=timedelta(seconds=60))
    await until(lambda: worker.stats().handled == 1)

    assert happened("1") == [Change.ENQUEUED, Change.DONE]


async def test_verdict_that_can_not_be_delivered_before_the_lease_ends_is_given_up(
    running: Running, queue: InMemoryQueue, send: Send, happened: Happened, logs: list[EventDict]
) -> None:
    async def handle(delivery: Delivery) -> None:
        queue.is_down = delivery.attempt == 1 and not logs
        await delivery.ack()

    await send("1")
    worker = running.worker(handle, metrics=QueueMetrics(CollectorRegistry()))
    await until(lambda: worker.stats().handled == 1)
    queue.is_down = False
    running.ticker()
    await until(lambda: happened("1")[-1] is Change.DONE)

    assert happened("1") == [Change.ENQUEUED, Change.LEASE_LOST, Change.DONE]
    assert "worker.queue_unavailable" in [log["event"] for log in logs]


@pytest.mark.parametrize(
    ("failpoint", "fate"),
    [
        ("worker.after_receive", Change.RELEASED),
        ("worker.before_settle", Change.ENQUEUED),
        ("worker.after_settle", Change.DONE),
    ],
)
async def test_failpoints_trip_where_they_say(
    running: Running, send: Send, happened: Happened, failpoint: str, fate: Change
) -> None:
    await send("1")
    with armed(f"{failpoint}:raise"):
        worker = running.worker(lambda delivery: delivery.ack())
        await until(lambda: worker.stats().handled == 1)

    assert happened("1")[-1] is fate
