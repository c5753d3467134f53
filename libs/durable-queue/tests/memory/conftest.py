from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Delivery
from durable_queue.recorder import ChangeEvent
from testkit.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def changes() -> list[ChangeEvent]:
    return []


@pytest.fixture
def queue(clock: FrozenClock, changes: list[ChangeEvent]) -> InMemoryQueue:
    return InMemoryQueue(
        now=clock,
        steady=clock.steady,
        recorder=changes.append,
        options=MemoryOptions(max_waiting=50),
    )


@pytest.fixture
def take(queue: InMemoryQueue) -> Callable[[], Awaitable[Delivery]]:
    """Take the only message that there is, from the lanes `high` and `low`."""

    async def take_one() -> Delivery:
        (delivery,) = await queue.receive(("high", "low"), limit=1, wait=timedelta(0))
        return delivery

    return take_one
