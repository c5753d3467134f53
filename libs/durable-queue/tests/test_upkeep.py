import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.metrics import QueueMetrics
from durable_queue.port import LaneDepth, Message, QueueUnavailable, TickReport
from durable_queue.upkeep import Auditor, Ticker
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from testkit.clock import FrozenClock
from testkit.running import until

LANES = ["work"]
SOON = timedelta(milliseconds=5)


@pytest.fixture
def stopping() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def test_ticker_promotes_what_is_due_and_shows_depths(
    stopping: asyncio.Event, registry: CollectorRegistry
) -> None:
    clock = FrozenClock()
    queue = InMemoryQueue(now=clock, steady=clock.steady)
    due_at = clock() + timedelta(minutes=1)
    await queue.send(Message(id="1", lane="work", body=b"", due_at=due_at))
    clock.advance(timedelta(minutes=1))
    ticker = Ticker(queue, LANES, every=SOON, metrics=QueueMetrics(registry))
    running = asyncio.create_task(ticker.run(stopping))

    (delivery,) = await queue.receive(LANES, limit=1, wait=timedelta(seconds=60))

    await delivery.ack()
    stopping.set()
    await running
    assert registry.get_sample_value("queue_promoted_total") == 1
    assert registry.get_sample_value("queue_depth", {"lane": "work", "state": "delayed"}) == 0


async def test_ticker_counts_lost_leases_and_warns(
    stopping: asyncio.Event, registry: CollectorRegistry
) -> None:
    queue = InMemoryQueue(options=MemoryOptions(lease=SOON))
    await queue.send(Message(id="1", lane="work", body=b""))
    await queue.receive(LANES, limit=1, wait=SOON)
    ticker = Ticker(queue, LANES, every=SOON, metrics=QueueMetrics(registry))

    with capture_logs() as logs:
        running = asyncio.create_task(ticker.run(stopping))
        await queue.receive(LANES, limit=1, wait=timedelta(seconds=60))
        stopping.set()
        await running

    assert registry.get_sample_value("queue_leases_expired_total") == 1
    assert logs[0]["event"] == "queue.taken_back"
    assert logs[0]["leases_expired"] == 1


async def test_ticker_lives_through_an_outage_and_says_so_once(stopping: asyncio.Event) -> None:
    queue = InMemoryQueue()
    queue.is_down = True

    with capture_logs() as logs:
        ticker = Ticker(queue, LANES, every=SOON)
        running = asyncio.create_task(ticker.run(stopping))
        await until(lambda: bool(logs))
        queue.is_down = False
        await until(lambda: len(logs) > 1)
        stopping.set()
        await running

    assert [log["event"] for log in logs] == ["queue.unavailable", "queue.available"]


class DamagedQueue(InMemoryQueue):
    """Has entries to mend, after a first audit that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.findings: list[int | Exception] = [QueueUnavailable("away"), 3, 0, 2]

    async def heal(self) -> int:
        finding = self.findings.pop(0) if self.findings else 0
        if isinstance(finding, Exception):
            raise finding
        return finding


async def test_auditor_goes_on_after_an_outage_and_reports_what_it_mended(
    stopping: asyncio.Event, registry: CollectorRegistry
) -> None:
    queue = DamagedQueue()
    auditor = Auditor(queue, every=SOON, metrics=QueueMetrics(registry))

    with capture_logs() as logs:
        running = asyncio.create_task(auditor.run(stopping))
        async with asyncio.timeout(60):
            while queue.findings:
                await asyncio.sleep(0.002)
        stopping.set()
        await running

    assert registry.get_sample_value("queue_mended_total") == 5
    assert [log["entries"] for log in logs if log["event"] == "queue.mended"] == [3, 2]


async def test_both_stop_at_once(stopping: asyncio.Event) -> None:
    queue = InMemoryQueue()
    day = timedelta(days=1)
    running = [
        asyncio.create_task(Ticker(queue, LANES, every=day).run(stopping)),
        asyncio.create_task(Auditor(queue, every=day).run(stopping)),
    ]
    await asyncio.sleep(0)

    stopping.set()

    async with asyncio.timeout(60):
        await asyncio.gather(*running)


class BusyQueue(InMemoryQueue):
    """Counts ticks."""

    ticks = 0

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        self.ticks += 1
        return await super().tick(lanes)


async def test_ticker_keeps_its_period(stopping: asyncio.Event) -> None:
    queue, began = BusyQueue(), asyncio.get_running_loop().time()
    running = asyncio.create_task(
        Ticker(queue, LANES, every=timedelta(milliseconds=20)).run(stopping)
    )

    await until(lambda: queue.ticks == 6)
    took = asyncio.get_running_loop().time() - began
    stopping.set()
    await running

    assert took > 0.75 * 5 * 0.02  # a period is jittered


async def test_ticker_comes_when_something_is_due_and_not_a_second_later() -> None:
    clock = FrozenClock()
    queue = InMemoryQueue(now=clock, steady=clock.steady)
    ticker = Ticker(queue, LANES, every=timedelta(seconds=1))
    idle = await ticker._round()
    due_at = clock() + timedelta(milliseconds=300)
    await queue.send(Message(id="1", lane="work", body=b"", due_at=due_at))

    assert 0.8 <= idle <= 1.2
    assert await ticker._round() == 0.3


class LookedInto(InMemoryQueue):
    """Says that its lanes are empty, as a broker may, and counts who counts its messages."""

    counted = 0

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        return TickReport(empty=frozenset(lanes))

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        self.counted += 1
        return await super().depths(lanes)


async def test_where_nothing_is_the_ticker_looks_later_and_counts_nothing(
    registry: CollectorRegistry,
) -> None:
    queue, empty = LookedInto(), timedelta(seconds=5)
    ticker = Ticker(queue, LANES, when_empty=empty, metrics=QueueMetrics(registry))

    assert 4 <= await ticker._round() <= 6
    assert queue.counted == 0
    assert registry.get_sample_value("queue_depth", {"lane": "work", "state": "waiting"}) == 0
