"""The write side: for queues without scripts, and for providers' receipts."""

import pytest
from durable_queue.port import Change
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.reading import RecordQuery
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import LedgerHarness, recorded

DELIVERED = StatusUpdate(status=Status.DELIVERED, provider="sms-gateway", detail="handset")
ENDS = {
    Change.DONE: Status.SENT,
    Change.CANCELLED: Status.CANCELLED,
    Change.EXPIRED: Status.EXPIRED,
}


class WritingContract:
    """Changes may come late, twice, or in another order; a final status stands."""

    async def write(self, harness: LedgerHarness, *changes: Change) -> str:
        """Record changes of a new notification; return its trace id."""
        trace_id = new_trace_id()
        for change in changes:
            await harness.ledger.record(recorded(trace_id, change))
        return trace_id

    async def test_recorded_changes_make_a_record(self, harness: LedgerHarness) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED, Change.FORWARDED, Change.STARTED)

        assert await harness.statuses(trace_id) == ["queued", "validated", "sending"]

    async def test_adopted_event_is_queued_and_says_so(self, harness: LedgerHarness) -> None:
        trace_id = await self.write(harness, Change.ADOPTED)

        record = await harness.record(trace_id)

        assert (record.status, record.user_id) == (Status.QUEUED, None)
        assert record.timeline[0].detail == "adopted"

    async def test_replay_says_in_the_queues_words_who_did_it(self, harness: LedgerHarness) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED, Change.DEAD)
        for note in (b'by "hand"', b""):
            await harness.ledger.record(recorded(trace_id, Change.REPLAYED, note))

        record = await harness.record(trace_id)

        assert record.status is Status.VALIDATED
        assert [entry.detail for entry in record.timeline[-2:]] == ['by "hand"', None]

    @pytest.mark.parametrize("first", [Change.ENQUEUED, Change.SCHEDULED, Change.ADOPTED])
    async def test_acceptance_that_is_told_again_changes_nothing(
        self, harness: LedgerHarness, first: Change
    ) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED, Change.STARTED)
        before = await harness.record(trace_id)

        await harness.ledger.record(recorded(trace_id, first))

        assert await harness.record(trace_id) == before

    @pytest.mark.parametrize("end", ENDS)
    async def test_ended_notification_stays_as_it_ended(
        self, harness: LedgerHarness, end: Change
    ) -> None:
        ended = [await self.write(harness, Change.ENQUEUED, end, late) for late in Change]

        records = [await harness.record(trace_id) for trace_id in ended]

        assert {(record.status, record.reason) for record in records} == {(ENDS[end], None)}
        assert await self.found(harness, ENDS[end]) == ended[::-1]

    async def test_failed_notification_stays_failed_until_replayed(
        self, harness: LedgerHarness
    ) -> None:
        later = set(Change) - {Change.REPLAYED, Change.DELETED}
        poisoned = [
            await self.write(harness, Change.ENQUEUED, Change.POISONED, change) for change in later
        ]

        records = [await harness.record(trace_id) for trace_id in poisoned]

        assert {(record.status, record.reason, record.is_dead_letter) for record in records} == {
            (Status.FAILED, "poison", True)
        }

    async def test_deleted_dead_letter_stays_deleted(self, harness: LedgerHarness) -> None:
        end = (Change.ENQUEUED, Change.POISONED, Change.DELETED)
        deleted = [await self.write(harness, *end, late) for late in Change]

        records = [await harness.record(trace_id) for trace_id in deleted]

        assert {(record.status, record.reason, record.is_dead_letter) for record in records} == {
            (Status.FAILED, "poison", False)
        }

    async def test_late_change_is_still_told_in_the_timeline(self, harness: LedgerHarness) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED, Change.DONE, Change.LEASE_LOST)

        assert await harness.statuses(trace_id) == ["queued", "sent", "validated"]

    @pytest.mark.parametrize(
        "note", [b"nonsense", b"\t\t\t\t", b"\xff\xfe", b"\n{}", b"a\tb\tc\td\te"]
    )
    async def test_note_of_another_kind_is_as_none(
        self, harness: LedgerHarness, note: bytes
    ) -> None:
        trace_id = new_trace_id()
        await harness.ledger.record(recorded(trace_id, Change.ENQUEUED))

        await harness.ledger.record(recorded(trace_id, Change.RETRIED, note))

        record = await harness.record(trace_id)
        assert (record.status, record.reason) == (Status.RETRYING, None)

    async def test_update_of_a_later_release_says_all_that_this_one_knows(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED)
        note = b'sending\t\tsms\t2\tu\tnew column\n{"provider":"smpp","region":"eu","attempt":2}'
        await harness.ledger.record(recorded(trace_id, Change.STARTED, note))

        record = await harness.record(trace_id)

        assert (record.status, record.channel, record.attempts) == (Status.SENDING, "sms", 2)
        assert (record.timeline[-1].provider, record.timeline[-1].attempt) == ("smpp", 2)

    async def test_long_timeline_keeps_its_beginning_and_its_end(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await self.write(harness, Change.ENQUEUED)
        for number in range(300):
            note = StatusUpdate(status=Status.QUEUED, detail=f"{number} {'x' * 60}", attempt=number)
            await harness.ledger.record(recorded(trace_id, Change.DEFERRED, note.encode()))

        timeline = (await harness.record(trace_id)).timeline

        assert timeline[1].attempt == 0
        assert timeline[-1].attempt == 299
        assert len(timeline) <= 200

    async def found(self, harness: LedgerHarness, status: Status) -> list[str]:
        """Return the trace ids that a status lists."""
        page = await harness.ledger.find(RecordQuery(status=status))
        return [record.trace_id for record in page.items]
