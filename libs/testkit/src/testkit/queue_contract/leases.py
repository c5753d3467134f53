"""Leases: what becomes of a message whose worker goes silent."""

import pytest
from durable_queue.port import Change, ControlOutcome, LeaseLost, OnAmbiguous

from testkit.queue_contract.rig import (
    AT_ONCE,
    LANE,
    MAX_DELIVERIES,
    VERDICTS,
    QueueRig,
    message,
    verdict,
)


class LeaseContract:
    """What holds for claims that end without a verdict."""

    async def test_message_of_a_silent_worker_comes_again(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", body=b"\x00\xff"))
        await rig.lose_lease(await rig.take())
        again = await rig.take()

        assert (again.id, again.body, again.attempt, again.deferrals) == ("m", b"\x00\xff", 1, 0)
        assert await rig.changes("m") == [Change.ENQUEUED, Change.LEASE_LOST]

    async def test_it_comes_before_those_that_wait(self, rig: QueueRig) -> None:
        await rig.send("m1", "m2", "m3", "m4")
        await rig.take()
        await rig.lose_lease(await rig.take())

        assert await rig.left() == ["m1", "m2", "m3", "m4"]

    @pytest.mark.parametrize("name", [*VERDICTS, "start"])
    async def test_late_verdict_changes_nothing(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        late = await rig.take()
        await rig.lose_lease(late)
        holder = await rig.take()
        changes = await rig.changes("m")

        with pytest.raises(LeaseLost):
            await (late.start() if name == "start" else verdict(name, late))

        assert await rig.changes("m") == changes
        await holder.start()
        await holder.ack()
        assert await rig.left() == []

    async def test_verdict_is_late_before_anyone_else_has_it(self, rig: QueueRig) -> None:
        await rig.send("m")
        late = await rig.take()
        await rig.lose_lease(late)

        with pytest.raises(LeaseLost):
            await late.ack()

        assert await rig.left() == ["m"]

    async def test_late_verdict_does_not_pass_for_an_earlier_one(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).retry(AT_ONCE)
        late = await rig.take()
        await rig.lose_lease(late)

        with pytest.raises(LeaseLost):
            await late.retry(AT_ONCE)

    async def test_renewed_lease_lasts(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        for _ in range(4):
            await rig.pass_time(rig.lease / 2)
            assert list(await rig.queue.renew([delivery])) == []

        assert await rig.left() == []
        await delivery.ack()

    async def test_started_delivery_is_renewed_as_well(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        await delivery.start()

        assert list(await rig.queue.renew([delivery])) == []

    async def test_renewing_tells_which_claims_are_over(self, rig: QueueRig) -> None:
        await rig.send("lost")
        lost = await rig.take()
        await rig.lose_lease(lost)
        await rig.send("done", "cancelled", "held")
        found = await rig.queue.receive([LANE], limit=4, wait=AT_ONCE)
        by_id = {delivery.id: delivery for delivery in found}
        await by_id["done"].ack()
        await rig.queue.cancel("cancelled")

        over = await rig.queue.renew([lost, by_id["held"], by_id["done"], by_id["cancelled"]])

        assert [delivery.id for delivery in over] == ["lost", "done", "cancelled"]
        assert list(await rig.queue.renew([])) == []

    async def test_crash_burns_no_attempt(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", max_attempts=2))
        await rig.lose_lease(await rig.take())
        await (await rig.take()).retry(AT_ONCE)

        assert (await rig.take()).attempt == 2

    async def test_message_that_silences_its_workers_is_poison(self, rig: QueueRig) -> None:
        await rig.send("m")
        for _ in range(MAX_DELIVERIES):
            await rig.lose_lease(await rig.take())

        assert await rig.left() == []
        assert (await rig.changes("m"))[-1] == Change.POISONED
        assert await rig.queue.replay("m") == ControlOutcome.DONE

    async def test_message_that_is_only_handed_back_is_poison(self, rig: QueueRig) -> None:
        await rig.send("m")
        for _ in range(MAX_DELIVERIES):
            await (await rig.take()).release()

        assert await rig.left() == []
        assert (await rig.changes("m"))[-1] == Change.POISONED

    @pytest.mark.parametrize("name", ["retry", "defer", "forward"])
    async def test_outcome_clears_of_suspicion(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        for _ in range(MAX_DELIVERIES - 1):
            await rig.lose_lease(await rig.take())
        await verdict(name, await rig.take())
        for _ in range(MAX_DELIVERIES - 1):
            [delivery] = await rig.queue.receive([LANE, "next.normal"], limit=1, wait=AT_ONCE)
            await rig.lose_lease(delivery)

        assert await rig.left() == ["m"]

    async def test_started_message_is_repeated_by_default(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        await delivery.start()
        await rig.lose_lease(delivery)

        assert await rig.left() == ["m"]

    async def test_started_message_on_hold_is_not_repeated(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", on_ambiguous=OnAmbiguous.HOLD))
        delivery = await rig.take()
        await delivery.start()
        await rig.lose_lease(delivery)

        assert await rig.left() == []
        assert (await rig.changes("m"))[-1] == Change.AMBIGUOUS
        assert await rig.queue.replay("m") == ControlOutcome.DONE

    async def test_whoever_starts_may_say_what_becomes_of_it(self, rig: QueueRig) -> None:
        await rig.queue.send(message("held", on_ambiguous=OnAmbiguous.RESEND))
        await rig.queue.send(message("sent again", on_ambiguous=OnAmbiguous.HOLD))
        held, again = [await rig.take(), await rig.take()]
        await held.start(on_ambiguous=OnAmbiguous.HOLD)
        await again.start(on_ambiguous=OnAmbiguous.RESEND)
        await rig.lose_lease(held)

        assert await rig.left() == ["sent again"]
        assert (await rig.changes("held"))[-1] == Change.AMBIGUOUS

    async def test_message_on_hold_that_was_not_started_is_repeated(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", on_ambiguous=OnAmbiguous.HOLD))
        await rig.lose_lease(await rig.take())

        assert await rig.left() == ["m"]
