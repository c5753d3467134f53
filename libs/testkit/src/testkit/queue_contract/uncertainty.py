"""What was started and may have had its effect: however it ends, its end says so."""

import pytest
from durable_queue.port import Change, ControlOutcome, Delivery, MessageExpired

from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    MAX_DELIVERIES,
    OTHER_LANE,
    QueueHarness,
    message,
)


async def doubt(name: str, delivery: Delivery, harness: QueueHarness) -> None:
    """Start, and come to no outcome that anybody knows."""
    await delivery.start()
    if name == "worker died":
        await harness.lose_lease(delivery)
    else:
        await delivery.retry(AT_ONCE, is_uncertain=True)


async def ending(harness: QueueHarness, message_id: str = "m") -> tuple[str, bool]:
    """Return what the recorder was told last of a message, and whether that was uncertain."""
    last = [entry for entry in await harness.recorded() if entry.message_id == message_id][-1]
    return last.change, last.is_uncertain


doubts = pytest.mark.parametrize("name", ["worker died", "uncertain outcome"])


class UncertaintyContract:
    """What holds after a start of which nobody knows what came."""

    @doubts
    async def test_cancelled_in_doubt_says_so(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)

        assert await harness.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(harness) == (Change.CANCELLED, True)

    @doubts
    async def test_leased_again_and_cancelled_says_so(
        self, harness: QueueHarness, name: str
    ) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)
        await harness.take()

        assert await harness.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(harness) == (Change.CANCELLED, True)

    @doubts
    async def test_expired_in_doubt_says_so(self, harness: QueueHarness, name: str) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + 9 * harness.moment))
        await doubt(name, await harness.take(), harness)
        await harness.advance(10 * harness.moment)

        assert await harness.left() == []
        assert await ending(harness) == (Change.EXPIRED, True)

    @doubts
    async def test_start_that_is_too_late_in_doubt_says_so(
        self, harness: QueueHarness, name: str
    ) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + 9 * harness.moment))
        await doubt(name, await harness.take(), harness)
        again = await harness.take()
        await harness.advance(10 * harness.moment)

        with pytest.raises(MessageExpired):
            await again.start()
        assert await ending(harness) == (Change.EXPIRED, True)

    async def test_delayed_in_doubt_expires_as_such(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        delivery = await harness.take()
        await delivery.start()
        await delivery.retry(9 * harness.moment, is_uncertain=True)
        await harness.pass_time(2 * harness.moment)

        assert await harness.left() == []
        assert await ending(harness) == (Change.EXPIRED, True)

    @doubts
    async def test_given_up_in_doubt_says_so(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)
        await (await harness.take()).dead_letter("refused")

        assert await ending(harness) == (Change.DEAD, True)

    async def test_given_up_without_knowing_the_outcome_says_so(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()
        await delivery.dead_letter("no answer", is_uncertain=True)

        assert await ending(harness) == (Change.DEAD, True)

    async def test_last_attempt_without_an_outcome_says_so(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=1))
        await doubt("uncertain outcome", await harness.take(), harness)

        assert await ending(harness) == (Change.EXHAUSTED, True)

    async def test_poison_that_was_started_says_so(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await doubt("worker died", await harness.take(), harness)
        for _ in range(MAX_DELIVERIES - 1):
            await harness.lose_lease(await harness.take())

        assert await harness.left() == []
        assert await ending(harness) == (Change.POISONED, True)

    @doubts
    async def test_replay_does_not_forget_the_doubt(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)
        await (await harness.take()).dead_letter("refused")
        await harness.queue.replay("m")

        assert await harness.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(harness) == (Change.CANCELLED, True)

    @doubts
    async def test_later_outcomes_do_not_clear_the_doubt(
        self, harness: QueueHarness, name: str
    ) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)
        again = await harness.take()
        await again.start()
        await again.retry(AT_ONCE)
        await (await harness.take()).defer(AT_ONCE)
        await (await harness.take()).forward(OTHER_LANE)
        await (await harness.take(OTHER_LANE)).release()

        assert await harness.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(harness) == (Change.CANCELLED, True)

    async def test_known_outcomes_leave_no_doubt(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=9))
        delivery = await harness.take()
        await delivery.start()
        await delivery.retry(AT_ONCE)
        await harness.lose_lease(await harness.take())

        assert await harness.queue.cancel("m") == ControlOutcome.DONE
        assert await ending(harness) == (Change.CANCELLED, False)

    @doubts
    async def test_done_is_certain(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        await doubt(name, await harness.take(), harness)
        again = await harness.take()
        await again.start()
        await again.ack()

        assert await ending(harness) == (Change.DONE, False)
        assert (await harness.queue.depths([LANE]))[LANE].waiting == 0
