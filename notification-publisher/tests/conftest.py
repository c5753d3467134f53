"""What several rings of tests build on."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Delivery, MessageExpired
from notification_contracts.states import Status
from notification_ledger.memory import MemoryLedger
from notification_ledger.status_update import StatusUpdate
from testkit.clock import FrozenClock

pytest.register_assert_rewrite("testkit.ledger")

from testkit.ledger.harness import LedgerHarness  # noqa: E402 - after what must come first

MINUTE = timedelta(minutes=1)
Reach = Callable[[Status], Awaitable[str]]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def ledger(clock: FrozenClock) -> MemoryLedger:
    return MemoryLedger(now=clock)


@pytest.fixture
def queue(clock: FrozenClock, ledger: MemoryLedger) -> InMemoryQueue:
    return InMemoryQueue(
        recorder=ledger, now=clock, steady=clock.steady, options=MemoryOptions(max_waiting=1000)
    )


@pytest.fixture
def harness(clock: FrozenClock, queue: InMemoryQueue, ledger: MemoryLedger) -> LedgerHarness:
    async def skip(by: timedelta) -> None:
        clock.advance(by)

    return LedgerHarness(queue=queue, ledger=ledger, now=clock, skip=skip)


@pytest.fixture
def reach(harness: LedgerHarness) -> Reach:
    """Send a notification, a second after the one before, and take it to a status."""

    async def reach_status(status: Status) -> str:
        await harness.skip(timedelta(seconds=1))
        if status is Status.SCHEDULED:
            return await harness.send(send_at=harness.now() + MINUTE)
        if status is Status.FAILED:
            return await harness.fail("provider_unavailable")
        trace_id = await harness.send(expires_at=harness.now() + MINUTE)
        if status is not Status.QUEUED:
            await deliver(harness, await harness.forward(), status)
        assert (await harness.record(trace_id)).status is status
        return trace_id

    return reach_status


async def deliver(harness: LedgerHarness, delivery: Delivery, status: Status) -> None:
    """Take what is in the delivery stage, and so validated, to a later status."""
    match status:
        case Status.SENDING:
            await delivery.start()
        case Status.RETRYING:
            await delivery.retry(MINUTE)
        case Status.SENT | Status.DELIVERED:
            sent = StatusUpdate(status=Status.SENT, provider="fake", message_id=delivery.id)
            await delivery.ack(sent.encode())
        case Status.EXPIRED:
            await harness.skip(2 * MINUTE)
            with pytest.raises(MessageExpired):
                await delivery.start()
    if status is Status.DELIVERED:
        await harness.ledger.report_receipt("fake", delivery.id, StatusUpdate(status=status))
