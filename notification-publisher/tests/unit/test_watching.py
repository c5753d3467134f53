import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from durable_queue.port import Change
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger import memory
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import InvalidCursor, StatusChange
from notification_ledger.status_update import StatusUpdate
from notification_publisher.application import tracking
from notification_publisher.application.ports import UnknownNotification
from notification_publisher.application.tracking import WatchNotification, WatchNotifications
from testkit.clock import FrozenClock
from testkit.ledger.harness import recorded

Happen = Callable[..., Awaitable[str]]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"


@pytest.fixture
def watch(ledger: MemoryLedger) -> WatchNotification:
    return WatchNotification(ledger=ledger)


@pytest.fixture
def happen(ledger: MemoryLedger) -> Happen:
    """Have changes happen to a notification; return the id of the last one."""

    async def to(trace_id: str, *changes: Change) -> str:
        for change in changes:
            ledger(recorded(trace_id, change))
        return await ledger.latest_change()

    return to


@pytest.fixture
async def queued(happen: Happen) -> str:
    trace_id = new_trace_id()
    await happen(trace_id, Change.ENQUEUED)
    return trace_id


@pytest.fixture
async def sent(happen: Happen) -> str:
    trace_id = new_trace_id()
    await happen(trace_id, Change.ENQUEUED, Change.DONE)
    return trace_id


async def statuses(changes: AsyncIterator[StatusChange] | None) -> list[Status]:
    assert changes is not None
    async with asyncio.timeout(60):
        return [change.status async for change in changes]


async def test_a_watch_begins_with_the_present_state_and_ends_with_a_final_one(
    watch: WatchNotification, happen: Happen, ledger: MemoryLedger, queued: str
) -> None:
    changes = await watch(queued)
    await happen(queued, Change.FORWARDED, Change.STARTED)
    taken = StatusUpdate(status=Status.SENT, provider="fake", message_id="m-1")
    ledger(recorded(queued, Change.DONE, taken.encode()))
    await ledger.report_receipt("fake", "m-1", StatusUpdate(status=Status.DELIVERED))

    assert await statuses(changes) == [
        Status.QUEUED,
        Status.VALIDATED,
        Status.SENDING,
        Status.SENT,
    ]


async def test_changes_of_others_are_not_told(
    watch: WatchNotification, happen: Happen, queued: str
) -> None:
    changes = await watch(queued)
    await happen(new_trace_id(), Change.DEAD)
    await happen(queued, Change.DONE)

    assert await statuses(changes) == [Status.QUEUED, Status.SENT]


async def test_an_ended_notification_is_told_once(watch: WatchNotification, sent: str) -> None:
    assert await statuses(await watch(sent)) == [Status.SENT]


async def test_a_client_that_returns_gets_what_it_missed_and_nothing_twice(
    watch: WatchNotification, happen: Happen, queued: str
) -> None:
    seen = await happen(queued)
    await happen(queued, Change.FORWARDED, Change.DONE)

    assert await statuses(await watch(queued, after=seen)) == [Status.VALIDATED, Status.SENT]


async def test_a_client_that_returns_to_an_unfinished_notification_goes_on_without_its_state(
    watch: WatchNotification, happen: Happen, queued: str
) -> None:
    changes = await watch(queued, after=await happen(queued))
    await happen(queued, Change.DONE)

    assert await statuses(changes) == [Status.SENT]


async def test_nothing_is_left_to_tell_after_the_end_was_seen(
    watch: WatchNotification, happen: Happen, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "CATCH_UP_SECONDS", 0.01)

    assert await watch(sent, after=await happen(sent)) is None


class TestAfterAGap:
    """The ledger keeps two changes, and what a follower saw last is older."""

    @pytest.fixture
    def ledger(self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
        monkeypatch.setattr(memory, "MAX_CHANGES", 2)
        return MemoryLedger(now=clock)

    async def test_missed_changes_are_made_up_for_by_the_present_state(
        self, watch: WatchNotification, happen: Happen, queued: str
    ) -> None:
        changes = await watch(queued)
        await happen(queued, Change.FORWARDED, Change.STARTED, Change.DONE)
        await happen(new_trace_id(), Change.ENQUEUED, Change.DONE)

        assert await statuses(changes) == [Status.QUEUED, Status.SENT]

    async def test_an_ended_notification_whose_changes_are_gone_is_told_as_it_is(
        self, watch: WatchNotification, happen: Happen, ledger: MemoryLedger
    ) -> None:
        seen, trace_id = await ledger.latest_change(), new_trace_id()
        await happen(trace_id, Change.ENQUEUED, Change.FORWARDED, Change.DONE)

        assert await statuses(await watch(trace_id, after=seen)) == [Status.SENT]


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense"])
async def test_unknown_notifications_can_not_be_watched(
    watch: WatchNotification, trace_id: str
) -> None:
    with pytest.raises(UnknownNotification):
        await watch(trace_id)


async def test_a_last_seen_change_that_is_none_is_refused_before_the_stream_begins(
    watch: WatchNotification, ledger: MemoryLedger, queued: str
) -> None:
    with pytest.raises(InvalidCursor):
        await watch(queued, after="nonsense")
    with pytest.raises(InvalidCursor):
        await WatchNotifications(ledger=ledger)(after="nonsense")


async def test_all_notifications_are_watched_from_now_on(
    ledger: MemoryLedger, happen: Happen
) -> None:
    await happen("before", Change.DONE)
    changes = await WatchNotifications(ledger=ledger)()
    await happen("a", Change.DONE)
    await happen("b", Change.DEAD)

    told = [await anext(changes) for _ in range(2)]

    assert [each.trace_id for each in told if isinstance(each, StatusChange)] == ["a", "b"]
