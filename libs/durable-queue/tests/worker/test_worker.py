import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.metrics import QueueMetrics
from durable_queue.port import Change, Delivery, Message, OnAmbiguous
from durable_queue.recorder import ChangeEvent
from prometheus_client import CollectorRegistry
from structlog.typing import EventDict
from testkit.running import LONG_LEASE, Running, until

Send = Callable[..., Awaitable[None]]
Happened = Callable[[str], list[Change]]


class PickyQueue(InMemoryQueue):
    """Remembers how many messages it was asked for, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    async def receive(
        self, lanes: Sequence[str], *, limit: int, wait: timedelta
    ) -> Sequence[Delivery]:
        self.asked.append(limit)
        return await super().receive(lanes, limit=limit, wait=wait)


async def test_every_message_is_handled_once(
    running: Running, send: Send, changes: list[ChangeEvent]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await delivery.start()
        await delivery.ack()

    await send(*map(str, range(200)))
    worker = running.worker(handle)
    await until(lambda: worker.stats().handled == 200)

    done = [recorded.message_id for recorded in changes if recorded.change is Change.DONE]
    assert sorted(done, key=int) == list(map(str, range(200)))


async def test_no_more_than_concurrency_are_in_hand_and_no_more_are_asked_for(
    running: Running, send: Send
) -> None:
    running.queue = queue = PickyQueue()
    busy, most = set[str](), 0

    async def handle(delivery: Delivery) -> None:
        nonlocal most
        busy.add(delivery.id)
        most = max(most, len(busy))
        await asyncio.sleep(0.002)
        busy.remove(delivery.id)
        await delivery.ack()

    await send(*map(str, range(40)))
    worker = running.worker(handle, concurrency=7)
    await until(lambda: worker.stats().handled == 40)

    assert most == 7
    assert max(queue.asked) == 7


async def test_queue_is_not_asked_while_as_many_as_allowed_are_in_flight(
    running: Running, send: Send
) -> None:
    running.queue = queue = PickyQueue()
    released = asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        await released.wait()
        await delivery.ack()

    await send(*map(str, range(3)))
    worker = running.worker(handle, concurrency=2)
    await until(lambda: worker.stats().in_flight == 2)
    await asyncio.sleep(0.05)

    assert queue.asked == [2]
    released.set()
    await until(lambda: worker.stats().handled == 3)


async def test_failing_handler_harms_only_its_own_message_which_rests_for_a_while(
    running: Running,
    send: Send,
    happened: Happened,
    changes: list[ChangeEvent],
    logs: list[EventDict],
) -> None:
    async def handle(delivery: Delivery) -> None:
        if delivery.body == b"bad":
            raise ZeroDivisionError
        await delivery.ack()

    await send("good", "bad", "fine")
    worker = running.worker(handle)
    await until(lambda: worker.stats().handled == 3)

    assert happened("good")[-1] is happened("fine")[-1] is Change.DONE
    assert happened("bad")[-1] is Change.RELEASED
    released = next(change for change in changes if change.change is Change.RELEASED)
    assert timedelta(0) < released.due_at - released.at <= timedelta(seconds=5)
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "worker.handler_failed"
    ]


async def test_handler_that_forgets_to_settle_is_reported_and_the_message_kept(
    running: Running, send: Send, happened: Happened, logs: list[EventDict]
) -> None:
    async def handle(delivery: Delivery) -> None:
        return

    await send("1")
    worker = running.worker(handle)
    await until(lambda: worker.stats().handled == 1)

    assert happened("1")[-1] is Change.RELEASED
    assert [log["event"] for log in logs if log["log_level"] == "error"] == [
        "worker.handler_failed"
    ]


async def test_cancellation_inside_a_handler_counts_as_its_failure(
    running: Running, send: Send, happened: Happened
) -> None:
    async def handle(delivery: Delivery) -> None:
        raise asyncio.CancelledError

    await send("1")
    worker = running.worker(handle)
    await until(lambda: worker.stats().handled == 1)

    assert happened("1")[-1] is Change.RELEASED


@pytest.mark.parametrize(
    ("on_ambiguous", "fate"),
    [(OnAmbiguous.HOLD, Change.AMBIGUOUS), (OnAmbiguous.RESEND, Change.LEASE_LOST)],
)
async def test_failure_after_start_is_never_handed_back_as_if_untried(
    running: Running,
    queue: InMemoryQueue,
    happened: Happened,
    on_ambiguous: OnAmbiguous,
    fate: Change,
) -> None:
    async def handle(delivery: Delivery) -> None:
        await delivery.start(on_ambiguous=on_ambiguous)
        raise ZeroDivisionError

    await queue.send(Message(id="1", lane="work", body=b""))
    running.worker(handle)
    running.ticker()
    await until(lambda: len(happened("1")) > 2)

    assert happened("1")[:3] == [Change.ENQUEUED, Change.STARTED, fate]


@LONG_LEASE
async def test_lease_is_kept_for_as_long_as_the_handler_runs(
    running: Running, send: Send, happened: Happened
) -> None:
    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(1.2 * running.lease.total_seconds())
        await delivery.ack()

    await send("1")
    worker = running.worker(handle)
    running.ticker()
    await until(lambda: worker.stats().handled == 1)

    assert happened("1") == [Change.ENQUEUED, Change.DONE]


async def test_cancelled_message_is_dropped_unless_it_has_started(
    running: Running, queue: InMemoryQueue, send: Send, happened: Happened
) -> None:
    seen, finished, may_end = set[str](), set[str](), asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        if delivery.id == "started":
            await delivery.start()
        seen.add(delivery.id)
        await may_end.wait()
        finished.add(delivery.id)
        await delivery.ack()

    await send("started", "waiting")
    worker = running.worker(handle)
    await until(lambda: len(seen) == 2)
    await queue.cancel("started")
    await queue.cancel("waiting")
    await until(lambda: worker.stats().handled == 1)
    may_end.set()
    await until(lambda: worker.stats().handled == 2)

    assert finished == {"started"}
    assert happened("started")[-1] is Change.DONE
    assert happened("waiting")[-1] is Change.CANCELLED


class ForgetfulQueue(InMemoryQueue):
    """Says of every claim that it is over."""

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        return deliveries


async def test_handler_whose_claim_is_over_runs_on_if_it_has_started(
    running: Running, send: Send, logs: list[EventDict]
) -> None:
    finished, may_end = set[str](), asyncio.Event()
    running.queue = ForgetfulQueue()

    async def handle(delivery: Delivery) -> None:
        if delivery.id == "started":
            await delivery.start()
        await may_end.wait()
        finished.add(delivery.id)
        await delivery.ack()

    await send("started", "unstarted")
    worker = running.worker(handle)
    await until(lambda: len(logs) == 2)
    may_end.set()
    await until(lambda: worker.stats().handled == 2)

    assert finished == {"started"}
    assert sorted(log["event"] for log in logs) == [
        "worker.claim_ended",
        "worker.claim_lost_while_started",
    ]


async def test_verdict_that_comes_too_late_does_not_count(
    running: Running, send: Send, happened: Happened, logs: list[EventDict]
) -> None:
    async def handle(delivery: Delivery) -> None:
        await until(lambda: Change.LEASE_LOST in happened("1"))
        await delivery.ack()

    await send("1")
    running.worker(handle, concurrency=1, lease=timedelta(seconds=60))  # renews too seldom
    running.ticker()
    await until(lambda: happened("1")[-1] is Change.DONE)

    assert happened("1") == [Change.ENQUEUED, Change.LEASE_LOST, Change.DONE]
    assert [log["event"] for log in logs].count("worker.claim_ended") == 1


async def test_metrics_show_outcomes_in_flight_and_the_age_of_the_last_poll(
    running: Running, send: Send
) -> None:
    registry = CollectorRegistry()

    async def handle(delivery: Delivery) -> None:
        await (delivery.retry(timedelta(hours=1)) if delivery.id == "2" else delivery.ack())

    await send("1", "2", "3")
    worker = running.worker(handle, metrics=QueueMetrics(registry))
    await until(lambda: worker.stats().handled == 3)

    handled = "queue_messages_handled_total"
    assert registry.get_sample_value(handled, {"worker": "test", "outcome": "done"}) == 2
    assert registry.get_sample_value(handled, {"worker": "test", "outcome": "retried"}) == 1
    assert registry.get_sample_value("queue_in_flight", {"worker": "test"}) == 0
    age = registry.get_sample_value("queue_last_poll_age_seconds", {"worker": "test"})
    assert 0 <= age < 60
