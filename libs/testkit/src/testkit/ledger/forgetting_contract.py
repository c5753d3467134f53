"""Forgetting what has ended before its time, and noticing what is overdue."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from durable_queue.port import Change
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.reading import RecordQuery

from testkit.ledger.harness import LedgerHarness, recorded

ENDS = (Change.DONE, Change.CANCELLED, Change.EXPIRED)


class ForgettingContract:
    """What has ended may go, what ended first first; all else stays."""

    async def ended(self, harness: LedgerHarness, *ends: Change) -> list[str]:
        """Record a new notification for each of these ends; return their trace ids."""
        trace_ids: list[str] = []
        for end in ends:
            trace_id = new_trace_id()
            await harness.ledger.record(recorded(trace_id, Change.ENQUEUED))
            await harness.ledger.record(recorded(trace_id, end))
            trace_ids.append(trace_id)
        return trace_ids

    async def a_time_later(self) -> datetime:
        """Return a time after all that has happened and before all that will."""
        await asyncio.sleep(0.005)
        between = datetime.now(UTC)
        await asyncio.sleep(0.005)
        return between

    async def test_what_ended_before_is_forgotten_and_nothing_else(
        self, harness: LedgerHarness
    ) -> None:
        before = await self.ended(harness, *ENDS)
        (dead,) = await self.ended(harness, Change.POISONED)
        waiting = new_trace_id()
        await harness.ledger.record(recorded(waiting, Change.ENQUEUED))
        between = await self.a_time_later()
        after = await self.ended(harness, *ENDS)

        assert await harness.ledger.forget(between, limit=100) == len(before)

        assert [await harness.ledger.get(each) for each in before] == [None] * len(before)
        kept = {record.trace_id for record in (await harness.ledger.find(RecordQuery())).items}
        assert kept == {dead, waiting, *after}

    async def test_what_ended_first_is_forgotten_first(self, harness: LedgerHarness) -> None:
        first, second, third = [
            (await self.ended(harness, Change.DONE), await self.a_time_later())[0][0] for _ in "123"
        ]
        now = await self.a_time_later()

        assert await harness.ledger.forget(now, limit=1) == 1
        assert await harness.ledger.get(first) is None
        assert await harness.ledger.forget(now, limit=1) == 1
        assert await harness.ledger.get(second) is None
        assert await harness.ledger.get(third) is not None

    async def test_deleted_dead_letter_is_forgotten(self, harness: LedgerHarness) -> None:
        (trace_id,) = await self.ended(harness, Change.POISONED)
        await harness.ledger.record(recorded(trace_id, Change.DELETED))

        assert await harness.ledger.forget(await self.a_time_later(), limit=10) == 1
        assert (await harness.ledger.find(RecordQuery(status=Status.FAILED))).items == ()

    async def test_dry_run_counts_and_forgets_nothing(self, harness: LedgerHarness) -> None:
        ended = await self.ended(harness, *ENDS)
        now = await self.a_time_later()

        assert await harness.ledger.forget(now, limit=1, dry_run=True) == len(ended)
        assert all([await harness.ledger.get(each) for each in ended])

    async def test_what_waits_though_its_time_came_long_ago_is_overdue(
        self, harness: LedgerHarness
    ) -> None:
        hour = timedelta(hours=1)
        late, later = [
            replace(recorded(new_trace_id(), Change.SCHEDULED), due_at=harness.now() + distance)
            for distance in (-hour, hour)
        ]
        await harness.ledger.record(late)
        await harness.ledger.record(later)

        assert await harness.ledger.overdue(hour / 2) == 1
        assert await harness.ledger.overdue(2 * hour) == 0

        await harness.ledger.record(recorded(late.message_id, Change.STARTED))
        assert await harness.ledger.overdue(hour / 2) == 0
