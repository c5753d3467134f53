"""What a record says of a dead letter, and of what is done to it."""

from datetime import timedelta

from notification_contracts.states import Status

from testkit.ledger.harness import LedgerHarness

MINUTE = timedelta(minutes=1)


class DeadLetterContract:
    """Driven through a queue that tells the ledger of every change."""

    async def test_given_up_notification_failed_for_a_reason(self, harness: LedgerHarness) -> None:
        trace_id = await harness.fail("unknown_user")

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "unknown_user")
        assert record.is_dead_letter

    async def test_records_are_counted_by_status_and_dead_letters_alone_as_failed(
        self, harness: LedgerHarness
    ) -> None:
        await harness.fail("unknown_user")
        await harness.queue.delete(await harness.fail("unknown_user"))
        await harness.send()
        await (await harness.forward()).ack()
        await harness.send()

        counts = await harness.ledger.count_by_status()

        found = {status: count for status, count in counts.items() if count}
        assert found == {Status.FAILED: 1, Status.SENT: 1, Status.QUEUED: 1}

    async def test_dead_letters_are_counted_by_reason_and_channel(
        self, harness: LedgerHarness
    ) -> None:
        first = await harness.fail("unknown_user", channel="sms")
        await harness.skip(MINUTE)
        await harness.fail("unknown_user", channel="push")
        last = await harness.fail("unknown_user", channel="sms")
        await harness.queue.delete(await harness.fail("unknown_user", channel="sms"))
        await harness.queue.replay(await harness.fail("opted_out", channel="sms"))

        groups = await harness.ledger.dead_letter_groups()

        assert groups.is_complete
        told = [(each.reason, each.channel, each.count) for each in groups.items]
        assert told == [("unknown_user", "sms", 2), ("unknown_user", "push", 1)]
        assert groups.items[0].oldest_at == (await harness.record(first)).updated_at
        assert groups.items[0].newest_at == (await harness.record(last)).updated_at

    async def test_replayed_dead_letter_waits_where_it_died(self, harness: LedgerHarness) -> None:
        in_validation = await harness.fail("unknown_user")
        in_delivery = await harness.send()
        await (await harness.forward()).dead_letter("refused", b"")

        await harness.queue.replay(in_validation)
        await harness.queue.replay(in_delivery)

        first, second = await harness.record(in_validation), await harness.record(in_delivery)
        assert (first.status, first.reason) == (Status.QUEUED, None)
        assert (second.status, second.reason) == (Status.VALIDATED, None)
        assert not first.is_dead_letter

    async def test_replayed_dead_letter_can_be_sent(self, harness: LedgerHarness) -> None:
        trace_id = await harness.fail("unknown_user")
        await harness.queue.replay(trace_id)
        await (await harness.forward()).ack()

        assert await harness.statuses(trace_id) == [
            "queued",
            "failed",
            "queued",
            "validated",
            "sent",
        ]

    async def test_delayed_replay_says_when(self, harness: LedgerHarness) -> None:
        trace_id = await harness.fail("unknown_user")
        await harness.queue.replay(trace_id, MINUTE)

        record = await harness.record(trace_id)

        assert record.next_attempt_at == record.updated_at + MINUTE

    async def test_deleted_dead_letter_still_says_why_it_failed(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.fail("unknown_user")
        await harness.queue.delete(trace_id)

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "unknown_user")
        assert record.timeline[-1].status is Status.FAILED
        assert record.timeline[-1].detail == "dead letter deleted"
        assert not record.is_dead_letter
