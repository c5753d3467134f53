"""What was started and may have had its effect: however it ends, its end says so."""

import pytest
from durable_queue.port import Change, ControlOutcome, Delivery, MessageExpired

from testkit.queue_contract.rig import (
    AT_ONCE,
    LANE,
    MAX_DELIVERIES,
    OTHER_LANE,
    QueueRig,
    message,
)


async def doubt(name: str, delivery: Delivery, rig: QueueRig) -> None:
    """Start, and come to no outcome that anybody knows."""
    await delivery.start()
    if name == "worker died":
        await rig.lose_lease(delivery)
    else:
        await delivery.retry(AT_ONCE, is_uncertain=True)


async def ending(rig: QueueRig, message_id: str = "m") -> tuple[str, bool]:
    """Return what the recorder was told last of a message, and whether that was uncertain."""
    last = [entry for entry in await rig.recorded() if entry.message_id == message_id][-1]
    return last.change, last.is_uncertain


doubts = pytest.mark.parametrize("name", ["worker died", "uncertain outcome"])


class UncertaintyContract:
    """What holds after a start of which nobody knows what came."""

    @doubts
    async def test_cancelled_in_doubt_says_so(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)

        assert await rig.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(rig) == (Change.CANCELLED, True)

    @doubts
    async def test_leased_again_and_cancelled_says_so(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)
        await rig.take()

        assert await rig.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(rig) == (Change.CANCELLED, True)

    @doubts
    async def test_expired_in_doubt_says_so(self, rig: QueueRig, name: str) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + 9 * rig.moment))
        await doubt(name, await rig.take(), rig)
        await rig.advance(10 * rig.moment)

        assert await rig.left() == []
        assert await ending(rig) == (Change.EXPIRED, True)

    @doubts
    async def test_start_that_is_too_late_in_doubt_says_so(self, rig: QueueRig, name: str) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + 9 * rig.moment))
        await doubt(name, await rig.take(), rig)
        again = await rig.take()
        await rig.advance(10 * rig.moment)

        with pytest.raises(MessageExpired):
            await again.start()
        assert await ending(rig) == (Change.EXPIRED, True)

    async def test_delayed_in_doubt_expires_as_such(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        delivery = await rig.take()
        await delivery.start()
        await delivery.retry(9 * rig.moment, is_uncertain=True)
        await rig.pass_time(2 * rig.moment)

        assert await rig.left() == []
        assert await ending(rig) == (Change.EXPIRED, True)

    @doubts
    async def test_given_up_in_doubt_says_so(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)
        await (await rig.take()).dead_letter("refused")

        assert await ending(rig) == (Change.DEAD, True)

    async def test_given_up_without_knowing_the_outcome_says_so(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        await delivery.start()
        await delivery.dead_letter("no answer", is_uncertain=True)

        assert await ending(rig) == (Change.DEAD, True)

    async def test_last_attempt_without_an_outcome_says_so(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", max_attempts=1))
        await doubt("uncertain outcome", await rig.take(), rig)

        assert await ending(rig) == (Change.EXHAUSTED, True)

    async def test_poison_that_was_started_says_so(self, rig: QueueRig) -> None:
        await rig.send("m")
        await doubt("worker died", await rig.take(), rig)
        for _ in range(MAX_DELIVERIES - 1):
            await rig.lose_lease(await rig.take())

        assert await rig.left() == []
        assert await ending(rig) == (Change.POISONED, True)

    @doubts
    async def test_replay_does_not_forget_the_doubt(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)
        await (await rig.take()).dead_letter("refused")
        await rig.queue.replay("m")

        assert await rig.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(rig) == (Change.CANCELLED, True)

    @doubts
    async def test_later_outcomes_do_not_clear_the_doubt(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)
        again = await rig.take()
        await again.start()
        await again.retry(AT_ONCE)
        await (await rig.take()).defer(AT_ONCE)
        await (await rig.take()).forward(OTHER_LANE)
        await (await rig.take(OTHER_LANE)).release()

        assert await rig.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(rig) == (Change.CANCELLED, True)

    async def test_known_outcomes_leave_no_doubt(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", max_attempts=9))
        delivery = await rig.take()
        await delivery.start()
        await delivery.retry(AT_ONCE)
        await rig.lose_lease(await rig.take())

        assert await rig.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(rig) == (Change.CANCELLED, False)

    @doubts
    async def test_done_is_certain(self, rig: QueueRig, name: str) -> None:
        await rig.send("m")
        await doubt(name, await rig.take(), rig)
        again = await rig.take()
        await again.start()
        await again.ack()

        assert await ending(rig) == (Change.DONE, False)
        assert (await rig.queue.depths([LANE]))[LANE].waiting == 0
