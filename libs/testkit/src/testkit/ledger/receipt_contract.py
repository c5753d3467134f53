"""What providers report of messages that they took: early, late, twice, or of nothing known."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from notification_contracts.states import Reason, Status
from notification_ledger.reading import RecordQuery, Target
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import LedgerHarness

DELIVERED = StatusUpdate(status=Status.DELIVERED, detail="handset")
BOUNCED = StatusUpdate(status=Status.FAILED, reason=Reason.ADDRESS_GONE, detail="no such number")
STILL_SENT = StatusUpdate(status=Status.SENT, detail="by the carrier")
SENT = StatusUpdate(status=Status.SENT, provider="twilio", message_id="SM1", attempts=1)
PHONES = tuple(
    Target(target=f"#{n}", outcome="accepted", provider="fcm", message_id=f"projects/x/{n}")
    for n in (1, 2)
)


class ReceiptContract:
    """A receipt finds its notification by provider and id; status only moves forward."""

    async def sent(self, harness: LedgerHarness, update: StatusUpdate = SENT) -> str:
        """Send a notification, have a provider take it; return its trace id."""
        trace_id = await harness.send()
        delivery = await harness.forward()
        await delivery.start()
        await delivery.ack(update.encode())
        return trace_id

    async def report(
        self, harness: LedgerHarness, *updates: StatusUpdate, message_id: str = "SM1"
    ) -> Sequence[bool]:
        """Report receipts; return whether each found its notification."""
        return [await harness.ledger.report_receipt("twilio", message_id, each) for each in updates]

    async def end(self, harness: LedgerHarness, trace_id: str) -> Sequence[str]:
        """Return the statuses of a timeline from the provider's answer on."""
        statuses = await harness.statuses(trace_id)
        return statuses[statuses.index("sending") + 1 :]

    async def test_what_a_provider_called_it_is_in_the_timeline(
        self, harness: LedgerHarness
    ) -> None:
        phone = replace(PHONES[1], outcome="gone", message_id=None, reason="unregistered")
        update = replace(SENT, targets=(PHONES[0], phone), delivery_mode="captured")
        trace_id = await self.sent(harness, update)

        record = await harness.record(trace_id)

        last = record.timeline[-1]
        assert (last.message_id, last.targets) == ("SM1", (PHONES[0], phone))
        assert (last.delivery_mode, record.delivery_mode) == ("captured", "captured")

    async def test_receipt_of_what_was_sent_is_delivery(self, harness: LedgerHarness) -> None:
        trace_id = await self.sent(harness)

        assert await self.report(harness, DELIVERED) == [True]

        record = await harness.record(trace_id)
        last = record.timeline[-1]
        assert (record.status, record.reason) == (Status.DELIVERED, None)
        assert (last.provider, last.message_id, last.detail) == ("twilio", "SM1", "handset")

    async def test_receipts_that_come_before_their_record_wait_for_it(
        self, harness: LedgerHarness
    ) -> None:
        assert await self.report(harness, STILL_SENT, DELIVERED, DELIVERED) == [False] * 3

        trace_id = await self.sent(harness)

        assert await self.end(harness, trace_id) == ["sent", "sent", "delivered"]
        assert (await harness.record(trace_id)).status is Status.DELIVERED

    async def test_receipt_waits_once_and_for_one(self, harness: LedgerHarness) -> None:
        await self.report(harness, DELIVERED)
        first = await self.sent(harness)

        second = await self.sent(harness)

        assert await self.end(harness, first) == ["sent", "delivered"]
        assert await self.end(harness, second) == ["sent"]

    async def test_same_receipt_again_changes_nothing(self, harness: LedgerHarness) -> None:
        trace_id = await self.sent(harness)
        await self.report(harness, DELIVERED)
        before = await harness.record(trace_id)

        assert await self.report(harness, DELIVERED) == [True]

        assert await harness.record(trace_id) == before

    async def test_late_receipt_is_told_and_no_more(self, harness: LedgerHarness) -> None:
        trace_id = await self.sent(harness)

        await self.report(harness, DELIVERED, STILL_SENT, BOUNCED)

        assert await self.end(harness, trace_id) == ["sent", "delivered", "sent", "failed"]
        record = await harness.record(trace_id)
        assert (record.status, record.reason) == (Status.DELIVERED, None)

    async def test_failure_after_it_was_sent_is_the_end_and_no_dead_letter(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await self.sent(harness)

        await self.report(harness, BOUNCED, DELIVERED)

        record = await harness.record(trace_id)
        assert (record.status, record.reason) == (Status.FAILED, "address_gone")
        assert not record.is_dead_letter
        failed = await harness.ledger.find(RecordQuery(status=Status.FAILED))
        dead = await harness.ledger.find(RecordQuery(dead_letters=True))
        assert ([each.trace_id for each in failed.items], dead.items) == ([trace_id], ())
        assert (await harness.ledger.find(RecordQuery(status=Status.SENT))).items == ()

    async def test_failure_before_it_was_sent_leaves_it_to_the_next_attempt(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        delivery = await harness.forward()
        await delivery.start()
        retrying = replace(SENT, status=Status.RETRYING)
        await delivery.retry(timedelta(minutes=1), retrying.encode(), is_uncertain=True)
        before = await harness.record(trace_id)

        await self.report(harness, BOUNCED)

        record = await harness.record(trace_id)
        assert record.next_attempt_at == before.next_attempt_at is not None
        assert (record.status, record.timeline[-1].reason) == (Status.RETRYING, "address_gone")

    async def test_of_several_addresses_one_that_fails_is_told_alone(
        self, harness: LedgerHarness
    ) -> None:
        several = StatusUpdate(status=Status.SENT, targets=PHONES)
        trace_id = await self.sent(harness, several)

        assert await harness.ledger.report_receipt("fcm", "projects/x/2", BOUNCED)
        assert (await harness.record(trace_id)).status is Status.SENT

        assert await harness.ledger.report_receipt("fcm", "projects/x/1", DELIVERED)
        assert (await harness.record(trace_id)).status is Status.DELIVERED

    async def test_one_id_of_two_providers_is_two_messages(self, harness: LedgerHarness) -> None:
        first = await self.sent(harness)
        second = await self.sent(harness, replace(SENT, provider="vonage"))

        assert await harness.ledger.report_receipt("vonage", "SM1", DELIVERED)
        assert not await harness.ledger.report_receipt("bird", "SM1", DELIVERED)

        assert (await harness.record(first)).status is Status.SENT
        assert (await harness.record(second)).status is Status.DELIVERED

    async def test_each_attempt_is_found_by_its_own_id(self, harness: LedgerHarness) -> None:
        trace_id = await harness.send()
        delivery = await harness.forward()
        await delivery.start()
        retrying = replace(SENT, status=Status.RETRYING, message_id="SM0")
        await delivery.retry(timedelta(0), retrying.encode(), is_uncertain=True)
        await harness.pass_time(timedelta(seconds=1))
        again = await harness.receive()
        await again.start()
        await again.ack(SENT.encode())

        assert await self.report(harness, STILL_SENT) == [True]
        assert await self.report(harness, DELIVERED, message_id="SM0") == [True]
        assert (await harness.record(trace_id)).status is Status.DELIVERED

    async def test_receipt_after_its_notification_was_forgotten_is_of_nothing_known(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await self.sent(harness)
        await harness.ledger.forget(harness.now() + timedelta(hours=1), limit=10)

        assert await self.report(harness, DELIVERED) == [False]

        assert await harness.ledger.get(trace_id) is None
        assert (await harness.ledger.find(RecordQuery())).items == ()

    async def test_id_that_a_provider_gave_again_is_the_later_notifications(
        self, harness: LedgerHarness
    ) -> None:
        await self.sent(harness)
        await harness.skip(timedelta(seconds=1))
        between = harness.now()
        await harness.skip(timedelta(seconds=1))
        later = await self.sent(harness)
        assert await harness.ledger.forget(between, limit=10) == 1

        assert await self.report(harness, DELIVERED) == [True]
        assert (await harness.record(later)).status is Status.DELIVERED

    async def test_failed_by_a_receipt_it_is_forgotten_in_its_time(
        self, harness: LedgerHarness
    ) -> None:
        await self.sent(harness)
        await self.report(harness, BOUNCED)

        assert await harness.ledger.forget(harness.now() + timedelta(hours=1), limit=10) == 1
        assert (await harness.ledger.find(RecordQuery(status=Status.FAILED))).items == ()

    @pytest.mark.parametrize(("provider", "message_id"), [("", "SM1"), ("twilio", "")])
    async def test_receipt_names_its_message(
        self, harness: LedgerHarness, provider: str, message_id: str
    ) -> None:
        with pytest.raises(ValueError, match="names a provider"):
            await harness.ledger.report_receipt(provider, message_id, DELIVERED)

    @pytest.mark.parametrize("odd", ["<a b@c>\t\n", "ü" * 400, "a:b/c", '"\\'])
    async def test_ids_of_any_form_are_found_again(self, harness: LedgerHarness, odd: str) -> None:
        trace_id = await self.sent(harness, replace(SENT, message_id=odd))

        assert await self.report(harness, DELIVERED, message_id=odd) == [True]
        assert (await harness.record(trace_id)).status is Status.DELIVERED
        await harness.ledger.forget(harness.now() + timedelta(hours=1), limit=10)
        assert await self.report(harness, DELIVERED, message_id=odd) == [False]
