"""A worker's handler gets a whole claim, and may leave each message to a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import (
    Ack,
    Advance,
    Change,
    Delivery,
    Forward,
    LeaseLost,
    Message,
    QueueError,
    Start,
    Verdict,
)
from durable_queue.worker import NotAdvanced, TrackedDelivery, Worker
from service_kit.failpoints import armed
from testkit.running import LONG_LEASE, Running, until

Send = Callable[..., Awaitable[None]]
Happened = Callable[[str], list[Change]]
ONWARD = Advance("next", b"", Start())


class CountingQueue(InMemoryQueue):
    """Keeps how many messages each call settled."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[int] = []

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        self.settled.append(len(verdicts))
        return await super().settle_all(verdicts)


def ignore(_: BaseException | None) -> None:
    """Take no notice of how it was settled."""


async def test_what_is_settled_in_one_turn_is_one_call(running: Running, send: Send) -> None:
    running.queue = queue = CountingQueue()
    await send(*map(str, range(10)))

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        for held in claim:
            held.settle_soon(Ack(), ignore)

    worker = running.worker_of_claims(handle, concurrency=10)
    await until(lambda: worker.stats().handled == 10)

    assert queue.settled == [10]


async def test_a_slow_message_holds_no_other_of_its_claim_up(
    running: Running, send: Send, happened: Happened
) -> None:
    may_end = asyncio.Event()

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        for held in claim:
            held.go_on(work(held))

    async def work(held: TrackedDelivery) -> None:
        await held.start()
        if held.id == "slow":
            await may_end.wait()
        held.settle_soon(Ack(), ignore)

    await send("slow", "one", "two")
    worker = running.worker_of_claims(handle)
    await until(lambda: worker.stats().handled == 2)

    assert happened("one")[-1] is happened("two")[-1] is Change.DONE
    assert happened("slow")[-1] is Change.STARTED
    may_end.set()
    await until(lambda: happened("slow")[-1] is Change.DONE)


async def test_a_bug_with_one_message_of_a_claim_harms_no_other(
    running: Running, send: Send, happened: Happened
) -> None:
    claims = []

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        claims.append([held.id for held in claim])
        for held in claim:
            if held.id == "bad":
                raise ZeroDivisionError
            held.settle_soon(Ack(), ignore)

    await send("good", "bad", "fine")
    worker = running.worker_of_claims(handle)
    await until(lambda: worker.stats().handled == 3)

    assert claims == [["good", "bad", "fine"], ["bad"], ["fine"]]
    assert happened("good")[-1] is happened("fine")[-1] is Change.DONE
    assert happened("bad")[-1] is Change.RELEASED


async def test_a_verdict_that_comes_too_late_is_told_of_and_harms_no_other(
    running: Running, queue: InMemoryQueue, send: Send, happened: Happened
) -> None:
    told: dict[str, BaseException | None] = {}

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        await queue.cancel("gone")
        for held in claim:
            held.settle_soon(Ack(), partial(told.__setitem__, held.id))

    await send("gone", "here")
    worker = running.worker_of_claims(handle)
    await until(lambda: worker.stats().handled == 2)

    assert isinstance(told["gone"], LeaseLost)
    assert told["here"] is None
    assert happened("gone")[-1] is Change.CANCELLED


async def test_a_bug_after_a_settlement_keeps_no_other_from_its_end(
    running: Running, send: Send, happened: Happened
) -> None:
    def fail(_: BaseException | None) -> None:
        raise ZeroDivisionError

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        for held in claim:
            held.settle_soon(Ack(), fail)

    await send("one", "two")
    worker = running.worker_of_claims(handle)
    await until(lambda: worker.stats().handled == 2)

    assert happened("one")[-1] is happened("two")[-1] is Change.DONE
    assert worker.stats().in_flight == 0


@pytest.fixture
async def onward(running: Running) -> Worker:
    """Return a worker on the lane `next`, to which others hand over."""
    return running.worker(lambda delivery: delivery.ack(), lanes=("next",), concurrency=2)


async def hand_over(held: TrackedDelivery, onward: Worker, outcomes: list[str]) -> None:
    async def work() -> None:
        try:
            await held.advance(ONWARD)
        except NotAdvanced:
            outcomes.append("waits")
            onward.fall_behind()
            return
        outcomes.append(f"goes on in {held.lane}")
        held.settle_soon(Ack(), ignore)

    if onward.room:
        onward.take_over(held, work())
    else:
        held.settle_soon(Forward("next"), ignore)


async def test_a_message_goes_on_in_a_slot_of_the_next_worker(
    running: Running, send: Send, onward: Worker, happened: Happened
) -> None:
    outcomes: list[str] = []
    await until(lambda: onward.room == 2)

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        for held in claim:
            await hand_over(held, onward, outcomes)

    await send("m")
    worker = running.worker_of_claims(handle, onward=(onward,))
    await until(lambda: happened("m")[-1] is Change.DONE)
    await until(lambda: onward.stats().handled == 1)

    assert outcomes == ["goes on in next"]
    assert happened("m") == [Change.ENQUEUED, Change.FORWARDED, Change.STARTED, Change.DONE]
    assert (worker.stats().handled, worker.stats().in_flight) == (1, 0)


async def test_a_message_that_has_to_wait_is_settled_with_that(
    running: Running, queue: InMemoryQueue, send: Send, happened: Happened
) -> None:
    outcomes: list[str] = []
    onward = running.worker(lambda delivery: delivery.ack(), lanes=("elsewhere",))
    await until(lambda: onward.room > 0)
    await queue.send(Message(id="before", lane="next", body=b""))

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        await hand_over(claim[0], onward, outcomes)

    await send("m")
    with armed("worker.after_start:raise"):  # not met, for nothing was started
        worker = running.worker_of_claims(handle, onward=(onward,))
        await until(lambda: worker.stats().handled == 1)

    assert outcomes == ["waits"]
    assert happened("m") == [Change.ENQUEUED, Change.FORWARDED]
    assert (onward.room, onward.stats().in_flight) == (0, 0)


async def test_a_worker_that_fell_behind_takes_over_again_when_its_lanes_are_empty(
    running: Running, queue: InMemoryQueue, onward: Worker
) -> None:
    await until(lambda: onward.room == 2)
    onward.fall_behind()
    behind = onward.room
    await queue.send(Message(id="waits", lane="next", body=b""))

    await until(lambda: onward.room == 2)
    assert behind == 0


async def test_nothing_is_handed_over_to_a_worker_that_is_paused_or_stopped(
    running: Running, onward: Worker
) -> None:
    await until(lambda: onward.room == 2)
    onward.pause()
    paused = onward.room
    onward.resume()
    resumed = onward.room
    await running.stop()
    assert (paused, resumed, onward.room) == (0, 2, 0)


async def test_a_worker_rests_only_for_a_moment_for_those_its_messages_go_on_to(
    running: Running, send: Send, happened: Happened
) -> None:
    may_end = asyncio.Event()

    async def slow(delivery: Delivery) -> None:
        await may_end.wait()
        await delivery.ack()

    busy = running.worker(slow, lanes=("next",), concurrency=1)
    await running.queue.send(Message(id="held", lane="next", body=b""))
    await until(lambda: busy.stats().in_flight == 1)
    await send("m")
    running.worker(lambda delivery: delivery.ack(), onward=(busy,))

    await until(lambda: happened("m")[-1] is Change.DONE)
    may_end.set()


async def test_a_worker_with_little_room_left_makes_no_claims_small(
    running: Running, send: Send, happened: Happened
) -> None:
    may_end = asyncio.Event()
    claims: list[int] = []

    async def slow(delivery: Delivery) -> None:
        await delivery.start()
        await may_end.wait()
        await delivery.ack()

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        claims.append(len(claim))
        for held in claim:
            held.settle_soon(Ack(), ignore)

    onward = running.worker(slow, lanes=("next",), concurrency=4)
    for name in ("a", "b", "c"):
        await running.queue.send(Message(id=name, lane="next", body=b""))
    await until(lambda: [happened(name)[-1] for name in "abc"] == [Change.STARTED] * 3)
    await send("1", "2", "3", "4", "5", "6")
    room = onward.room
    running.worker_of_claims(handle, concurrency=8, onward=(onward,))
    await until(lambda: happened("6")[-1] is Change.DONE)
    may_end.set()

    assert (room, claims) == (1, [6])


@LONG_LEASE
async def test_what_is_handed_over_keeps_its_lease(
    running: Running, send: Send, onward: Worker, happened: Happened, queue: InMemoryQueue
) -> None:
    await until(lambda: onward.room == 2)

    async def work(held: TrackedDelivery) -> None:
        await held.advance(ONWARD)
        await asyncio.sleep(1.2 * running.lease.total_seconds())
        held.settle_soon(Ack(), ignore)

    async def handle(claim: Sequence[TrackedDelivery]) -> None:
        onward.take_over(claim[0], work(claim[0]))

    await send("m")
    running.worker_of_claims(handle)
    running.ticker()
    await until(lambda: happened("m")[-1] is Change.DONE)

    assert Change.LEASE_LOST not in happened("m")
