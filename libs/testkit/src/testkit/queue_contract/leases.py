"""Leases: what becomes of a message whose worker goes silent."""

import pytest
from durable_queue.port import Change, ControlOutcome, LeaseLost, OnAmbiguous

from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    MAX_DELIVERIES,
    VERDICTS,
    QueueHarness,
    message,
    verdict,
)


class LeaseContract:
    """What holds for claims that end without a verdict."""

    async def test_message_of_a_silent_worker_comes_again(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", body=b"\x00\xff"))
        await harness.lose_lease(await harness.take())
        again = await harness.take()

        assert (again.id, again.body, again.attempt, again.deferrals) == ("m", b"\x00\xff", 1, 0)
        assert await harness.changes("m") == [Change.ENQUEUED, Change.LEASE_LOST]

    async def test_it_comes_before_those_that_wait(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2", "m3", "m4")
        await harness.take()
        await harness.lose_lease(await harness.take())

        assert await harness.left() == ["m1", "m2", "m3", "m4"]

    @pytest.mark.parametrize("name", [*VERDICTS, "start"])
    async def test_late_verdict_changes_nothing(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        late = await harness.take()
        await harness.lose_lease(late)
        holder = await harness.take()
        changes = await harness.changes("m")

        with pytest.raises(LeaseLost):
            await (late.start() if name == "start" else verdict(name, late))

        assert await harness.changes("m") == changes
        await holder.start()
        await holder.ack()
        assert await harness.left() == []

    async def test_verdict_is_late_before_anyone_else_has_it(self, harness: QueueHarness) -> None:
        await harness.send("m")
        late = await harness.take()
        await harness.lose_lease(late)

        with pytest.raises(LeaseLost):
            await late.ack()

        assert await harness.left() == ["m"]

    async def test_late_verdict_does_not_pass_for_an_earlier_one(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        await (await harness.take()).retry(AT_ONCE)
        late = await harness.take()
        await harness.lose_lease(late)

        with pytest.raises(LeaseLost):
            await late.retry(AT_ONCE)

    async def test_renewed_lease_lasts(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        for _ in range(4):
            await harness.pass_time(harness.lease / 2)
            assert list(await harness.queue.renew([delivery])) == []

        assert await harness.left() == []
        await delivery.ack()

    async def test_started_delivery_is_renewed_as_well(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()

        assert list(await harness.queue.renew([delivery])) == []

    async def test_renewing_tells_which_claims_are_over(self, harness: QueueHarness) -> None:
        await harness.send("lost")
        lost = await harness.take()
        await harness.lose_lease(lost)
        await harness.send("done", "cancelled", "held")
        found = await harness.queue.receive([LANE], limit=4, wait=AT_ONCE)
        by_id = {delivery.id: delivery for delivery in found}
        await by_id["done"].ack()
        await harness.queue.cancel("cancelled")

        over = await harness.queue.renew([lost, by_id["held"], by_id["done"], by_id["cancelled"]])

        assert [delivery.id for delivery in over] == ["lost", "done", "cancelled"]
        assert list(await harness.queue.renew([])) == []

    async def test_crash_burns_no_attempt(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=2))
        await harness.lose_lease(await harness.take())
        await (await harness.take()).retry(AT_ONCE)

        assert (await harness.take()).attempt == 2

    async def test_message_that_silences_its_workers_is_poison(self, harness: QueueHarness) -> None:
        await harness.send("m")
        for _ in range(MAX_DELIVERIES):
            await harness.lose_lease(await harness.take())

        assert await harness.left() == []
        assert (await harness.changes("m"))[-1] == Change.POISONED
        assert await harness.queue.replay("m") == ControlOutcome.DONE

    async def test_message_that_is_only_handed_back_is_poison(self, harness: QueueHarness) -> None:
        await harness.send("m")
        for _ in range(MAX_DELIVERIES):
            await (await harness.take()).release()

        assert await harness.left() == []
        assert (await harness.changes("m"))[-1] == Change.POISONED

    @pytest.mark.parametrize("name", ["retry", "defer", "forward"])
    async def test_outcome_clears_of_suspicion(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        for _ in range(MAX_DELIVERIES - 1):
            await harness.lose_lease(await harness.take())
        await verdict(name, await harness.take())
        for _ in range(MAX_DELIVERIES - 1):
            [delivery] = await harness.queue.receive([LANE, "next.normal"], limit=1, wait=AT_ONCE)
            await harness.lose_lease(delivery)

        assert await harness.left() == ["m"]

    async def test_started_message_is_repeated_by_default(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()
        await harness.lose_lease(delivery)

        assert await harness.left() == ["m"]

    async def test_started_message_on_hold_is_not_repeated(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start(on_ambiguous=OnAmbiguous.HOLD)
        await harness.lose_lease(delivery)

        assert await harness.left() == []
        assert (await harness.changes("m"))[-1] == Change.AMBIGUOUS
        assert await harness.queue.replay("m") == ControlOutcome.DONE

    async def test_the_worker_that_starts_it_may_say_what_becomes_of_it(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("held", "sent again")
        held, again = [await harness.take(), await harness.take()]
        await held.start(on_ambiguous=OnAmbiguous.HOLD)
        await again.start(on_ambiguous=OnAmbiguous.RESEND)
        await harness.lose_lease(held)

        assert await harness.left() == ["sent again"]
        assert (await harness.changes("held"))[-1] == Change.AMBIGUOUS
