"""The in-memory queue under test."""

from datetime import timedelta

from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.recorder import ChangeEvent

from testkit.clock import FrozenClock
from testkit.queue_contract.harness import MAX_DELIVERIES, MAX_WAITING, QueueHarness


def memory_harness(*, moment: timedelta = timedelta(seconds=10)) -> QueueHarness:
    """Return a harness of its own."""
    events: list[ChangeEvent] = []
    clock = FrozenClock()
    options = MemoryOptions(
        lease=6 * moment, max_deliveries=MAX_DELIVERIES, max_waiting=MAX_WAITING
    )

    async def advance(by: timedelta) -> None:
        clock.advance(by)

    async def jump(by: timedelta) -> None:
        clock.jump(by)

    async def recorded() -> list[ChangeEvent]:
        return list(events)

    return QueueHarness(
        queue=InMemoryQueue(
            recorder=events.append, now=clock, steady=clock.steady, options=options
        ),
        moment=moment,
        now=clock,
        advance=advance,
        jump=jump,
        rests_by_a_steady_clock=True,
        recorded=recorded,
    )
