from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Change, Message
from durable_queue.recorder import ChangeEvent
from structlog.testing import capture_logs
from structlog.typing import EventDict
from testkit.running import Running


@pytest.fixture
def lease() -> timedelta:
    """Say how long a lease is: short, unless a test is about one that is not lost."""
    return timedelta(milliseconds=400)


@pytest.fixture
def changes() -> list[ChangeEvent]:
    """Return what the queue's recorder was told, in order."""
    return []


@pytest.fixture
def happened(changes: list[ChangeEvent]) -> Callable[[str], list[Change]]:
    def changes_of(message_id: str) -> list[Change]:
        return [recorded.change for recorded in changes if recorded.message_id == message_id]

    return changes_of


@pytest.fixture
def queue(changes: list[ChangeEvent], lease: timedelta) -> InMemoryQueue:
    return InMemoryQueue(recorder=changes.append, options=MemoryOptions(lease=lease))


@pytest.fixture
async def running(queue: InMemoryQueue, lease: timedelta) -> AsyncIterator[Running]:
    started = Running(queue, lease=lease)
    yield started
    await started.stop()


@pytest.fixture
def send(running: Running) -> Callable[..., Awaitable[None]]:
    """Return a function that sends messages of these ids to the queue that `running` works on."""

    async def send_all(*ids: str) -> None:
        for name in ids:
            await running.queue.send(Message(id=name, lane="work", body=name.encode()))

    return send_all


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    with capture_logs() as captured:
        yield captured
