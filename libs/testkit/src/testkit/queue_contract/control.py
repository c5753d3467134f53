"""The operator's side: cancel, replay, delete."""

import asyncio

import pytest
from durable_queue.port import Change, ControlOutcome, LeaseLost

from testkit.queue_contract.rig import AT_ONCE, LANE, OTHER_LANE, QueueRig, message

DONE, REFUSED, UNKNOWN = ControlOutcome.DONE, ControlOutcome.REFUSED, ControlOutcome.UNKNOWN


class ControlContract:
    """What holds for `cancel`, `replay` and `delete`."""

    async def test_cancelled_message_is_not_given_out(self, rig: QueueRig) -> None:
        await rig.send("m", "other")

        assert await rig.queue.cancel("m") == DONE
        assert await rig.left() == ["other"]
        assert await rig.changes("m") == [Change.ENQUEUED, Change.CANCELLED]

    async def test_scheduled_message_can_be_cancelled(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", due_at=rig.now() + rig.moment))
        outcome = await rig.queue.cancel("m")
        await rig.pass_time(2 * rig.moment)

        assert (outcome, await rig.left()) == (DONE, [])

    async def test_leased_message_can_be_cancelled_until_it_is_started(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        outcome = await rig.queue.cancel("m")

        assert outcome == DONE
        with pytest.raises(LeaseLost):
            await delivery.start()
        with pytest.raises(LeaseLost):
            await delivery.retry(AT_ONCE)
        await rig.pass_time(2 * rig.lease)
        assert await rig.left() == []

    async def test_started_message_can_not_be_cancelled(self, rig: QueueRig) -> None:
        await rig.send("m")
        delivery = await rig.take()
        await delivery.start()

        assert await rig.queue.cancel("m") == REFUSED
        await delivery.ack()
        assert await rig.queue.cancel("m") == REFUSED

    async def test_message_that_waits_for_another_attempt_can_be_cancelled(
        self, rig: QueueRig
    ) -> None:
        await rig.send("m")
        delivery = await rig.take()
        await delivery.start()
        await delivery.retry(rig.moment)

        assert await rig.queue.cancel("m") == DONE

    async def test_either_start_or_cancel_wins(self, rig: QueueRig) -> None:
        for number in range(40):
            await rig.send(f"m{number}")
            delivery = await rig.take()
            calls = [delivery.start(), rig.queue.cancel(f"m{number}")]
            outcomes = await asyncio.gather(
                *(calls if number % 2 else reversed(calls)), return_exceptions=True
            )
            started, cancelled = outcomes if number % 2 else reversed(outcomes)

            assert (started is None) == (cancelled == REFUSED)
            assert isinstance(started, LeaseLost) == (cancelled == DONE)

    async def test_control_of_an_unknown_message_says_so(self, rig: QueueRig) -> None:
        queue = rig.queue
        outcomes = [await queue.cancel("m"), await queue.replay("m"), await queue.delete("m")]

        assert outcomes == [UNKNOWN] * 3

    async def test_only_dead_letters_are_replayed_or_deleted(self, rig: QueueRig) -> None:
        await rig.send("waiting")
        await rig.queue.cancel("waiting")
        await rig.send("leased")
        delivery = await rig.take()

        for message_id in ("waiting", "leased"):
            assert await rig.queue.replay(message_id) == REFUSED
            assert await rig.queue.delete(message_id) == REFUSED
        await delivery.ack()
        assert await rig.queue.replay("leased") == REFUSED

    async def test_replayed_message_comes_back_where_it_died(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", max_attempts=3))
        await (await rig.take()).forward(OTHER_LANE)
        await (await rig.take(OTHER_LANE)).defer(AT_ONCE)
        await (await rig.take(OTHER_LANE)).retry(AT_ONCE)
        await (await rig.take(OTHER_LANE)).dead_letter("no use")

        outcome = await rig.queue.replay("m", note=b"")
        again = await rig.take(OTHER_LANE)

        assert outcome == DONE
        assert (again.attempt, again.deferrals, again.max_attempts) == (1, 0, 3)

    async def test_replay_is_done_once(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).dead_letter("no use")

        outcomes = await asyncio.gather(*(rig.queue.replay("m") for _ in range(5)))

        assert sorted(outcomes) == [DONE] + [REFUSED] * 4
        assert await rig.left() == ["m"]

    async def test_replay_may_be_delayed(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).dead_letter("no use")
        await rig.queue.replay("m", 2 * rig.moment)
        before = await rig.left()
        await rig.pass_time(3 * rig.moment)

        assert (before, await rig.left()) == ([], ["m"])

    async def test_dead_letter_can_not_be_cancelled(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).dead_letter("no use")

        assert await rig.queue.cancel("m") == REFUSED

    async def test_deleted_dead_letter_is_gone(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).dead_letter("no use")

        assert await rig.queue.delete("m") == DONE
        assert await rig.queue.replay("m") == REFUSED
        assert await rig.queue.delete("m") == REFUSED
        assert (await rig.changes("m"))[-1] == Change.DELETED

    async def test_replayed_message_can_die_again(self, rig: QueueRig) -> None:
        await rig.send("m")
        for _ in range(3):
            await (await rig.take()).dead_letter("no use")
            assert await rig.queue.replay("m") == DONE

        assert (await rig.queue.depths([LANE]))[LANE].waiting == 1
