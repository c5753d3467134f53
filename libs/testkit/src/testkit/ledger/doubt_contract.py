"""What a record says once an attempt came to no outcome that anybody knows."""

from datetime import timedelta

from notification_contracts.states import Status
from notification_ledger.status_update import StatusUpdate

from testkit.ledger.harness import LedgerHarness

MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=61)


class DoubtContract:
    """Driven through a queue that tells the ledger of every change."""

    async def test_cancelled_or_expired_in_doubt_says_that_it_may_have_been_sent(
        self, harness: LedgerHarness
    ) -> None:
        cancelled = await harness.send()
        await (await harness.forward()).start()
        await harness.pass_time(LEASE)
        await harness.queue.cancel(cancelled)
        expired = await harness.send(expires_at=harness.now() + MINUTE)
        delivery = await harness.forward()
        await delivery.start()
        await delivery.retry(MINUTE / 2, is_uncertain=True)
        await harness.pass_time(2 * MINUTE)

        for trace_id, status in ((cancelled, Status.CANCELLED), (expired, Status.EXPIRED)):
            record = await harness.record(trace_id)
            assert (record.status, record.reason) == (status, "ambiguous")
            assert record.timeline[-1].detail == "an earlier attempt may have reached the provider"
            assert Status.SENDING in [entry.status for entry in record.timeline]

    async def test_given_up_in_doubt_says_that_it_may_have_been_sent(
        self, harness: LedgerHarness
    ) -> None:
        trace_id = await harness.send()
        await (await harness.forward()).start()
        await harness.pass_time(LEASE)
        note = StatusUpdate(status=Status.FAILED, reason="provider_rejected", detail="550")
        await (await harness.receive()).dead_letter("550", note.encode())

        record = await harness.record(trace_id)

        assert (record.status, record.reason) == (Status.FAILED, "ambiguous")
        assert record.timeline[-1].detail == "provider_rejected: 550"
        assert record.is_dead_letter
