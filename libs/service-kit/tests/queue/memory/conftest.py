from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from service_kit.queue.memory import InMemoryQueue, MemoryOptions
from service_kit.queue.port import Delivery
from service_kit.queue.recorder import Recorded
from service_kit.testing.clock import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def changes() -> list[Recorded]:
    return []


@pytest.fixture
def queue(clock: FrozenClock, changes: list[Recorded]) -> InMemoryQueue:
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
