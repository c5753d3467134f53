from collections.abc import Awaitable, Callable

import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.states import Status
from notification_ledger.memory import MemoryLedger
from notification_publisher.application.ports import PastCancelling, UnknownNotification
from notification_publisher.application.tracking import CancelNotification, ShowNotification

Reach = Callable[[Status], Awaitable[str]]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"


@pytest.fixture
def show(ledger: MemoryLedger) -> ShowNotification:
    return ShowNotification(ledger=ledger)


@pytest.fixture
def cancel(queue: InMemoryQueue, show: ShowNotification) -> CancelNotification:
    return CancelNotification(control=queue, show=show)


async def test_a_notification_is_found_by_its_trace_id_in_any_case(
    ledger: MemoryLedger, show: ShowNotification, reach: Reach
) -> None:
    trace_id = await reach(Status.QUEUED)

    assert await show(trace_id.upper()) == await ledger.get(trace_id)


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense", "", "../users"])
async def test_unknown_and_malformed_trace_ids_name_no_notification(
    show: ShowNotification, cancel: CancelNotification, trace_id: str
) -> None:
    with pytest.raises(UnknownNotification):
        await show(trace_id)
    with pytest.raises(UnknownNotification):
        await cancel(trace_id)


@pytest.mark.parametrize(
    "status", [Status.SCHEDULED, Status.QUEUED, Status.VALIDATED, Status.RETRYING]
)
async def test_what_is_not_yet_sent_can_be_cancelled(
    cancel: CancelNotification, reach: Reach, status: Status
) -> None:
    assert (await cancel(await reach(status))).status is Status.CANCELLED


@pytest.mark.parametrize(
    "status",
    [Status.SENDING, Status.SENT, Status.DELIVERED, Status.FAILED, Status.EXPIRED],
)
async def test_what_is_being_sent_or_has_ended_is_past_cancelling(
    ledger: MemoryLedger, cancel: CancelNotification, reach: Reach, status: Status
) -> None:
    trace_id = await reach(status)
    before = await ledger.get(trace_id)

    with pytest.raises(PastCancelling, match=status):
        await cancel(trace_id)
    assert await ledger.get(trace_id) == before


async def test_cancelling_twice_is_cancelling_once(
    cancel: CancelNotification, reach: Reach
) -> None:
    trace_id = await reach(Status.QUEUED)
    await cancel(trace_id)

    assert (await cancel(trace_id)).status is Status.CANCELLED
