from collections.abc import Callable

import pytest
from notification_contracts.states import Status
from notification_ledger.record import NotificationRecord, RecordQuery
from notification_publisher.application.ports import PastCancelling, UnknownNotification
from notification_publisher.application.tracking import (
    CancelNotification,
    ListNotifications,
    ShowNotification,
)
from notification_publisher.infrastructure.memory import InMemoryInterventions, InMemoryRecords

MakeRecord = Callable[..., NotificationRecord]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"


@pytest.fixture
def records() -> InMemoryRecords:
    return InMemoryRecords()


@pytest.fixture
def show(records: InMemoryRecords) -> ShowNotification:
    return ShowNotification(records=records)


@pytest.fixture
def cancel(records: InMemoryRecords, show: ShowNotification) -> CancelNotification:
    return CancelNotification(interventions=InMemoryInterventions(records), show=show)


async def test_a_notification_is_found_by_its_trace_id_in_any_case(
    records: InMemoryRecords, show: ShowNotification, make_record: MakeRecord
) -> None:
    record = make_record()
    records.by_id[record.trace_id] = record

    assert await show(record.trace_id.upper()) == record


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense", "", "../users"])
async def test_unknown_and_malformed_trace_ids_name_no_notification(
    show: ShowNotification, cancel: CancelNotification, trace_id: str
) -> None:
    with pytest.raises(UnknownNotification):
        await show(trace_id)
    with pytest.raises(UnknownNotification):
        await cancel(trace_id)


async def test_the_list_is_newest_first_and_goes_on_where_the_page_ended(
    records: InMemoryRecords, make_record: MakeRecord
) -> None:
    made = [make_record() for _ in range(3)]
    records.by_id.update({record.trace_id: record for record in made})
    page_of_two = ListNotifications(records=records)

    first = await page_of_two(RecordQuery(limit=2))
    second = await page_of_two(RecordQuery(limit=2, cursor=first.next_cursor))

    assert (*first.items, *second.items) == (made[2], made[1], made[0])
    assert second.next_cursor is None


@pytest.mark.parametrize(
    "status", [Status.SCHEDULED, Status.QUEUED, Status.VALIDATED, Status.RETRYING]
)
async def test_what_is_not_yet_sent_can_be_cancelled(
    records: InMemoryRecords, cancel: CancelNotification, make_record: MakeRecord, status: Status
) -> None:
    record = make_record(status)
    records.by_id[record.trace_id] = record

    assert (await cancel(record.trace_id)).status is Status.CANCELLED


@pytest.mark.parametrize(
    "status",
    [Status.SENDING, Status.SENT, Status.DELIVERED, Status.FAILED, Status.EXPIRED],
)
async def test_what_is_being_sent_or_has_ended_is_past_cancelling(
    records: InMemoryRecords, cancel: CancelNotification, make_record: MakeRecord, status: Status
) -> None:
    record = make_record(status)
    records.by_id[record.trace_id] = record

    with pytest.raises(PastCancelling, match=status):
        await cancel(record.trace_id)
    assert records.by_id[record.trace_id] == record


async def test_cancelling_twice_is_cancelling_once(
    records: InMemoryRecords, cancel: CancelNotification, make_record: MakeRecord
) -> None:
    record = make_record()
    records.by_id[record.trace_id] = record
    await cancel(record.trace_id)

    assert (await cancel(record.trace_id)).status is Status.CANCELLED
