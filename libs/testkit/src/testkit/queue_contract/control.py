"""The operator's side: cancel, replay, delete."""

import asyncio

import pytest
from durable_queue.port import Change, ControlOutcome, LeaseLost

from testkit.queue_contract.harness import AT_ONCE, LANE, OTHER_LANE, QueueHarness, message

DONE, REFUSED, UNKNOWN = ControlOutcome.DONE, ControlOutcome.REFUSED, ControlOutcome.UNKNOWN


class ControlContract:
    """What holds for `cancel`, `replay` and `delete`."""

    async def test_cancelled_message_is_not_given_out(self, harness: QueueHarness) -> None:
        await harness.send("m", "other")

        assert await harness.queue.cancel("m") == DONE
        assert await harness.left() == ["other"]
        assert await harness.changes("m") == [Change.ENQUEUED, Change.CANCELLED]

    async def test_scheduled_message_can_be_cancelled(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", due_at=harness.now() + harness.moment))
        outcome = await harness.queue.cancel("m")
        await harness.pass_time(2 * harness.moment)

        assert (outcome, await harness.left()) == (DONE, [])

    async def test_leased_message_can_be_cancelled_until_it_is_started(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        delivery = await harness.take()
        outcome = await harness.queue.cancel("m")

        assert outcome == DONE
        with pytest.raises(LeaseLost):
            await delivery.start()
        with pytest.raises(LeaseLost):
            await delivery.retry(AT_ONCE)
        await harness.pass_time(2 * harness.lease)
        assert await harness.left() == []

    async def test_started_message_can_not_be_cancelled(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()

        assert await harness.queue.cancel("m") == REFUSED
        await delivery.ack()
        assert await harness.queue.cancel("m") == REFUSED

    async def test_message_that_waits_for_another_attempt_can_be_cancelled(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()
        await delivery.retry(harness.moment)

        assert await harness.queue.cancel("m") == DONE

    async def test_either_start_or_cancel_wins(self, harness: QueueHarness) -> None:
        for number in range(40):
            await harness.send(f"m{number}")
            delivery = await harness.take()
            calls = [delivery.start(), harness.queue.cancel(f"m{number}")]
            outcomes = await asyncio.gather(
                *(calls if number % 2 else reversed(calls)), return_exceptions=True
            )
            started, cancelled = outcomes if number % 2 else reversed(outcomes)

            assert (started is None) == (cancelled == REFUSED)
            assert isinstance(started, LeaseLost) == (cancelled == DONE)

    async def test_control_of_an_unknown_message_says_so(self, harness: QueueHarness) -> None:
        queue = harness.queue
        outcomes = [await queue.cancel("m"), await queue.replay("m"), await queue.delete("m")]

        assert outcomes == [UNKNOWN] * 3

    async def test_only_dead_letters_are_replayed_or_deleted(self, harness: QueueHarness) -> None:
        await harness.send("waiting")
        await harness.queue.cancel("waiting")
        await harness.send("leased")
        delivery = await harness.take()

        for message_id in ("waiting", "leased"):
            assert await harness.queue.replay(message_id) == REFUSED
            assert await harness.queue.delete(message_id) == REFUSED
        await delivery.ack()
        assert await harness.queue.replay("leased") == REFUSED

    async def test_replayed_message_comes_back_where_it_died(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=3))
        await (await harness.take()).forward(OTHER_LANE)
        await (await harness.take(OTHER_LANE)).defer(AT_ONCE)
        await (await harness.take(OTHER_LANE)).retry(AT_ONCE)
        await (await harness.take(OTHER_LANE)).dead_letter("no use")

        outcome = await harness.queue.replay("m")
        again = await harness.take(OTHER_LANE)

        assert outcome == DONE
        assert (again.attempt, again.deferrals, again.max_attempts) == (1, 0, 3)

    async def test_replay_is_done_once(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).dead_letter("no use")

        outcomes = await asyncio.gather(*(harness.queue.replay("m") for _ in range(5)))

        assert sorted(outcomes) == [DONE] + [REFUSED] * 4
        assert await harness.left() == ["m"]

    async def test_replay_may_be_delayed(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).dead_letter("no use")
        await harness.queue.replay("m", 2 * harness.moment)
        before = await harness.left()
        await harness.pass_time(3 * harness.moment)

        assert (before, await harness.left()) == ([], ["m"])

    async def test_dead_letter_can_not_be_cancelled(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).dead_letter("no use")

        assert await harness.queue.cancel("m") == REFUSED

    async def test_deleted_dead_letter_is_gone(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).dead_letter("no use")

        assert await harness.queue.delete("m") == DONE
        assert await harness.queue.replay("m") == REFUSED
        assert await harness.queue.delete("m") == REFUSED
        assert (await harness.changes("m"))[-1] == Change.DELETED

    async def test_replayed_message_can_die_again(self, harness: QueueHarness) -> None:
        await harness.send("m")
        for _ in range(3):
            await (await harness.take()).dead_letter("no use")
            assert await harness.queue.replay("m") == DONE

        assert (await harness.queue.depths([LANE]))[LANE].waiting == 1
