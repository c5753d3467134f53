import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.record import ChangesMissed, NotificationRecord, StatusChange
from notification_publisher.application import tracking
from notification_publisher.application.ports import UnknownCursor, UnknownNotification
from notification_publisher.application.tracking import WatchNotification, WatchNotifications
from notification_publisher.infrastructure.memory import InMemoryFeed, InMemoryRecords

MakeRecord = Callable[..., NotificationRecord]
MakeChange = Callable[[str, Status], StatusChange]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"


@pytest.fixture
def records() -> InMemoryRecords:
    return InMemoryRecords()


@pytest.fixture
def feed() -> InMemoryFeed:
    return InMemoryFeed()


@pytest.fixture
def watch(records: InMemoryRecords, feed: InMemoryFeed) -> WatchNotification:
    return WatchNotification(records=records, feed=feed)


@pytest.fixture
def record(records: InMemoryRecords, make_record: MakeRecord) -> NotificationRecord:
    made = make_record(Status.QUEUED)
    records.by_id[made.trace_id] = made
    return made


@pytest.fixture
def sent(records: InMemoryRecords, make_record: MakeRecord) -> NotificationRecord:
    made = make_record(Status.SENT)
    records.by_id[made.trace_id] = made
    return made


async def statuses(changes: AsyncIterator[StatusChange] | None) -> list[Status]:
    assert changes is not None
    async with asyncio.timeout(60):
        return [change.status async for change in changes]


async def test_a_watch_begins_with_the_present_state_and_ends_with_a_final_one(
    watch: WatchNotification,
    feed: InMemoryFeed,
    record: NotificationRecord,
    make_change: MakeChange,
) -> None:
    changes = await watch(record.trace_id)
    for status in (Status.VALIDATED, Status.SENDING, Status.SENT, Status.DELIVERED):
        await feed.happen(make_change(record.trace_id, status))

    assert await statuses(changes) == [
        Status.QUEUED,
        Status.VALIDATED,
        Status.SENDING,
        Status.SENT,
    ]


async def test_changes_of_others_are_not_told(
    watch: WatchNotification,
    feed: InMemoryFeed,
    record: NotificationRecord,
    make_change: MakeChange,
) -> None:
    changes = await watch(record.trace_id)
    await feed.happen(make_change(new_trace_id(), Status.FAILED))
    await feed.happen(make_change(record.trace_id, Status.SENT))

    assert await statuses(changes) == [Status.QUEUED, Status.SENT]


async def test_an_ended_notification_is_told_once(
    watch: WatchNotification, sent: NotificationRecord
) -> None:
    assert await statuses(await watch(sent.trace_id)) == [Status.SENT]


async def test_whoever_comes_back_gets_what_it_missed_and_nothing_twice(
    watch: WatchNotification,
    feed: InMemoryFeed,
    sent: NotificationRecord,
    make_change: MakeChange,
) -> None:
    for status in (Status.QUEUED, Status.VALIDATED, Status.SENT):
        await feed.happen(make_change(sent.trace_id, status))

    assert await statuses(await watch(sent.trace_id, after="1")) == [
        Status.VALIDATED,
        Status.SENT,
    ]


async def test_whoever_comes_back_to_a_notification_on_its_way_goes_on_without_its_state(
    watch: WatchNotification,
    feed: InMemoryFeed,
    record: NotificationRecord,
    make_change: MakeChange,
) -> None:
    await feed.happen(make_change(record.trace_id, Status.QUEUED))
    changes = await watch(record.trace_id, after="1")
    await feed.happen(make_change(record.trace_id, Status.SENT))

    assert await statuses(changes) == [Status.SENT]


async def test_nothing_is_left_to_tell_after_the_end_was_seen(
    watch: WatchNotification,
    feed: InMemoryFeed,
    sent: NotificationRecord,
    make_change: MakeChange,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "CATCH_UP_SECONDS", 0.01)
    await feed.happen(make_change(sent.trace_id, Status.SENT))

    assert await watch(sent.trace_id, after="1") is None


async def test_missed_changes_are_made_up_for_by_the_present_state(
    watch: WatchNotification,
    feed: InMemoryFeed,
    records: InMemoryRecords,
    record: NotificationRecord,
    sent: NotificationRecord,
) -> None:
    changes = await watch(record.trace_id)
    await feed.happen(ChangesMissed())
    records.by_id[record.trace_id] = sent

    assert await statuses(changes) == [Status.QUEUED, Status.SENT]


async def test_an_ended_notification_whose_changes_are_gone_is_told_as_it_is(
    watch: WatchNotification, feed: InMemoryFeed, sent: NotificationRecord
) -> None:
    await feed.happen(ChangesMissed())

    assert await statuses(await watch(sent.trace_id, after="0")) == [Status.SENT]


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense"])
async def test_unknown_notifications_can_not_be_watched(
    watch: WatchNotification, trace_id: str
) -> None:
    with pytest.raises(UnknownNotification):
        await watch(trace_id)


async def test_a_last_seen_change_that_is_none_is_refused_before_the_stream_begins(
    watch: WatchNotification, feed: InMemoryFeed, record: NotificationRecord
) -> None:
    with pytest.raises(UnknownCursor):
        await watch(record.trace_id, after="nonsense")
    with pytest.raises(UnknownCursor):
        await WatchNotifications(feed=feed)(after="nonsense")


async def test_all_notifications_are_watched_from_now_on(
    feed: InMemoryFeed, make_change: MakeChange
) -> None:
    await feed.happen(make_change("before", Status.SENT))
    changes = await WatchNotifications(feed=feed)()
    await feed.happen(make_change("a", Status.SENT))
    await feed.happen(make_change("b", Status.FAILED))

    told = [await anext(changes) for _ in range(2)]

    assert [each.trace_id for each in told if isinstance(each, StatusChange)] == ["a", "b"]
