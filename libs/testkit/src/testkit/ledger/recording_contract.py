"""What a record says after each thing that can happen to a notification in the queue."""

from datetime import timedelta

import pytest
from durable_queue.port import MessageExpired, OnAmbiguous
from notification_contracts.states import Reason, Status
from notification_ledger.reading import TimelineEntry
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import DELIVERY, LedgerHarness

MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=61)


class RecordingContract:
    """Driven through a queue that tells the ledger of every change."""

    async def test_unknown_notification_has_no_record(self, harness: LedgerHarness) -> None:
        assert await harness.ledger.get("0198c5d6-7a10-7c3e-8f21-5b0c9a1d2e3f") is None

    async def test_accepted_notification_is_queued(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send(user_id="user_test", channel="sms")

        record = await harness.record(trace_id)

        assert (record.trace_id, record.user_id, record.channel) == (trace_id, "user_test", "sms")
        assert (record.status, record.reason, record.attempts) == (Status.QUEUED, None, 0)
        assert record.created_at == record.updated_at
        assert abs(record.created_at - harness.now()) < timedelta(minutes=1)
        assert record.next_attempt_at is None
        assert record.timeline == (
            TimelineEntry(at=record.created_at, status=Status.QUEUED, channel="sms"),
        )

    async def test_notification_for_later_is_scheduled_until_then(
        self, harness: LedgerHarness
    ) -> None:
        send_at = (harness.now() + MINUTE).replace(microsecond=5000)
        trace_id = await harness.send(send_at=send_at)

        before = await harness.record(trace_id)
        await harness.pass_time(2 * MINUTE)
        after = await harness.record(trace_id)

        assert (before.status, before.next_attempt_at) == (Status.SCHEDULED, send_at)
        assert (after.status, after.next_attempt_at) == (Status.QUEUED, None)
        assert await harness.statuses(trace_id) == ["scheduled", "queued"]

    async def test_timeline_tells_the_whole_way(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        delivery = await harness.forward()
        tried = StatusUpdate(status=Status.SENDING, provider="smtp", attempt=1, attempts=1)
        await delivery.start(tried.encode())
        sent = StatusUpdate(status=Status.SENT, provider="smtp", attempt=1, duration_ms=231.2)
        await delivery.ack(sent.encode())

        record = await harness.record(trace_id)

        assert await harness.statuses(trace_id) == ["queued", "validated", "sending", "sent"]
        assert (record.status, record.attempts, record.channel) == (Status.SENT, 1, "email")
        assert record.timeline[-1] == TimelineEntry(
            at=record.updated_at,
            status=Status.SENT,
            channel="email",
            provider="smtp",
            attempt=1,
            duration_ms=231.2,
        )

    async def test_timeline_is_in_the_order_of_time(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        await harness.skip(MINUTE)
        await (await harness.forward()).ack()

        record = await harness.record(trace_id)

        times = [entry.at for entry in record.timeline]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (record.created_at, record.updated_at)
        assert record.updated_at - record.created_at >= MINUTE

    async def test_failed_attempt_is_retrying_and_says_when(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        delivery = await harness.forward()
        failed = StatusUpdate(
            status=Status.RETRYING, reason=Reason.PROVIDER_UNAVAILABLE, detail="503", attempts=1
        )
        await delivery.retry(MINUTE, failed.encode())

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.RETRYING, "provider_unavailable")
        assert (record.attempts, record.timeline[-1].detail) == (1, "503")
        assert record.next_attempt_at == record.updated_at + MINUTE

    async def test_retry_that_became_due_is_still_retrying(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        failed = StatusUpdate(status=Status.RETRYING, reason="rate_limited").encode()
        await (await harness.forward()).retry(MINUTE, failed)
        await harness.pass_time(MINUTE)

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.RETRYING, "rate_limited")
        assert record.next_attempt_at is None
        assert await harness.statuses(trace_id) == ["queued", "validated", "retrying"]

    async def test_next_status_clears_the_reason(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        failed = StatusUpdate(status=Status.RETRYING, reason="rate_limited").encode()
        await (await harness.forward()).retry(MINUTE, failed)
        await harness.pass_time(MINUTE)
        await (await harness.receive()).ack()

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.SENT, None)

    async def test_deferred_notification_keeps_the_status_of_its_note(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        note = StatusUpdate(status=Status.QUEUED, reason=Reason.CONTACTS_UNAVAILABLE)
        await (await harness.receive()).defer(MINUTE, note.encode())

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.QUEUED, "contacts_unavailable")
        assert record.next_attempt_at == record.updated_at + MINUTE

    async def test_deferral_after_an_attempt_is_still_retrying(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        asked_to_wait = StatusUpdate(status=Status.RETRYING, reason="rate_limited", attempts=1)
        await (await harness.forward()).defer(MINUTE, asked_to_wait.encode())
        await harness.pass_time(MINUTE)
        still_paused = StatusUpdate(status=Status.VALIDATED, reason="rate_limited")
        await (await harness.receive()).defer(MINUTE, still_paused.encode())

        assert (await harness.record(trace_id)).status is Status.RETRYING
        assert await harness.statuses(trace_id) == ["queued", "validated", "retrying", "retrying"]

    async def test_last_attempt_ends_as_exhausted_with_its_error(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send(max_attempts=1)
        failed = StatusUpdate(status=Status.RETRYING, reason="provider_unavailable", attempts=1)
        await (await harness.forward()).retry(MINUTE, failed.encode())

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "attempts_exhausted")
        assert (record.attempts, record.next_attempt_at) == (1, None)
        assert record.timeline[-1].reason == "attempts_exhausted"
        assert record.timeline[-1].detail == "provider_unavailable"

    async def test_last_attempts_own_words_are_kept(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send(max_attempts=1)
        failed = StatusUpdate(status=Status.RETRYING, reason="provider_unavailable", detail="503")
        await (await harness.forward()).retry(MINUTE, failed.encode())

        assert (await harness.record(trace_id)).timeline[-1].detail == "503"

    async def test_notification_that_is_too_late_is_no_attempt(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send(expires_at=harness.now() + MINUTE)
        delivery = await harness.forward()
        await harness.skip(MINUTE)

        note = StatusUpdate(status=Status.SENDING, provider="smtp", attempt=1, attempts=1)
        with pytest.raises(MessageExpired):
            await delivery.start(note.encode())

        record = await harness.record(trace_id)
        assert (record.status, record.attempts) == (Status.EXPIRED, 0)
        assert (record.timeline[-1].provider, record.timeline[-1].attempt) == (None, None)

    async def test_lost_lease_puts_it_back_to_where_it_waited(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        await harness.receive()
        await harness.pass_time(LEASE)
        in_validation = await harness.record(trace_id)
        await (await harness.forward()).start()
        await harness.pass_time(LEASE)

        in_delivery = await harness.record(trace_id)

        assert (in_validation.status, in_validation.reason) == (Status.QUEUED, "lease_lost")
        assert (in_delivery.status, in_delivery.reason) == (Status.VALIDATED, "lease_lost")

    async def test_what_must_not_be_repeated_ends_as_ambiguous(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        await (await harness.forward()).start(on_ambiguous=OnAmbiguous.HOLD)
        await harness.pass_time(LEASE)

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "ambiguous")

    async def test_poison_ends_as_such(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        for _ in range(10):
            await harness.receive()
            await harness.pass_time(LEASE)

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "poison")

    async def test_released_notification_waits_again(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        await (await harness.forward()).release()

        assert (await harness.record(trace_id)).status is Status.VALIDATED

    async def test_changes_without_notes_have_words_of_their_own(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        await (await harness.receive()).forward(DELIVERY)
        delivery = await harness.receive()
        await delivery.start()
        await delivery.retry(MINUTE)
        await harness.pass_time(MINUTE)
        await (await harness.receive()).defer(MINUTE)
        await harness.pass_time(MINUTE)
        await (await harness.receive()).ack()

        assert await harness.statuses(trace_id) == [
            "queued",
            "validated",
            "sending",
            "retrying",
            "retrying",
            "sent",
        ]

    async def test_user_who_becomes_known_later_is_kept(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send(user_id=None)
        before = await harness.record(trace_id)
        note = StatusUpdate(status=Status.VALIDATED, user_id="Zoë / ü?%2f").encode()
        await (await harness.receive()).forward(DELIVERY, note)

        after = await harness.record(trace_id)

        assert (before.user_id, after.user_id) == (None, "Zoë / ü?%2f")
