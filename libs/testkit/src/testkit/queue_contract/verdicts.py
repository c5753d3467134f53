"""Verdicts: each ends the lease, in one step, once."""

import asyncio

import pytest
from durable_queue.port import Change, ControlOutcome, LeaseLost

from testkit.queue_contract.harness import (
    AT_ONCE,
    LANE,
    OTHER_LANE,
    VERDICTS,
    QueueHarness,
    message,
    verdict,
)


class VerdictContract:
    """What holds for the verdicts of a `Delivery`."""

    async def test_first_delivery_is_attempt_one(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=5))
        delivery = await harness.take()

        assert (delivery.attempt, delivery.max_attempts, delivery.deferrals) == (1, 5, 0)
        assert delivery.expires_at is None

    async def test_acknowledged_message_is_gone(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).ack()
        await harness.pass_time(2 * harness.lease)

        assert await harness.left() == []

    async def test_retried_message_comes_again_as_the_next_attempt(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        await (await harness.take()).retry(2 * harness.moment)
        before = await harness.left()
        await harness.pass_time(3 * harness.moment)
        again = await harness.take()

        assert before == []
        assert (again.id, again.attempt, again.body) == ("m", 2, b"hello")

    async def test_retry_without_a_delay_comes_at_once(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).retry(AT_ONCE)

        assert (await harness.take()).attempt == 2

    async def test_one_attempt_too_many_is_a_dead_letter(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=2))
        await (await harness.take()).retry(AT_ONCE)
        await (await harness.take()).retry(AT_ONCE)

        assert await harness.left() == []
        assert (await harness.changes("m"))[-2:] == [Change.RETRIED, Change.EXHAUSTED]
        assert await harness.queue.replay("m") == ControlOutcome.DONE

    async def test_deferred_message_uses_no_attempt(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=2))
        for deferrals in range(5):
            delivery = await harness.take()
            assert (delivery.attempt, delivery.deferrals) == (1, deferrals)
            await delivery.defer(harness.moment)
            assert await harness.left() == []
            await harness.pass_time(2 * harness.moment)

        assert (await harness.take()).deferrals == 5

    async def test_one_that_was_started_may_be_deferred_and_started_again(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", max_attempts=1))
        for _ in range(3):
            delivery = await harness.take()
            assert delivery.attempt == 1
            await delivery.start()
            await delivery.defer(AT_ONCE)

        await (await harness.take()).ack()
        assert await harness.left() == []

    async def test_retry_keeps_the_deferrals(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).defer(AT_ONCE)
        await (await harness.take()).retry(AT_ONCE)
        again = await harness.take()

        assert (again.attempt, again.deferrals) == (2, 1)

    async def test_released_message_comes_at_once_untried(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2")
        await (await harness.take()).release()
        again = await harness.take()

        assert (again.id, again.attempt, again.deferrals) == ("m1", 1, 0)

    async def test_release_may_be_delayed(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await (await harness.take()).release(2 * harness.moment)
        before = await harness.left()
        await harness.pass_time(3 * harness.moment)

        assert (before, await harness.left()) == ([], ["m"])

    async def test_forwarded_message_is_in_the_other_lane_only(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", body=b"\x00\xff"))
        await (await harness.take()).forward(OTHER_LANE)
        there = await harness.take(OTHER_LANE)

        assert (there.id, there.lane, there.body) == ("m", OTHER_LANE, b"\x00\xff")
        await harness.pass_time(harness.moment)
        assert await harness.left() == []

    async def test_forwarded_message_is_counted_anew(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", max_attempts=5))
        await (await harness.take()).retry(AT_ONCE)
        await (await harness.take()).defer(AT_ONCE)
        await (await harness.take()).forward(OTHER_LANE)
        there = await harness.take(OTHER_LANE)

        assert (there.attempt, there.deferrals, there.max_attempts) == (1, 0, 5)

    async def test_forward_is_not_refused_by_a_full_lane(self, harness: QueueHarness) -> None:
        await harness.fill(OTHER_LANE)
        await harness.send("m")
        await (await harness.take()).forward(OTHER_LANE)

        assert (await harness.left(OTHER_LANE))[-1] == "m"

    async def test_dead_letter_is_kept_with_its_bytes(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", body=b"\x00\xff"))
        await (await harness.take()).dead_letter("no \ud800 use")
        await harness.pass_time(2 * harness.lease)
        before = await harness.left()
        await harness.queue.replay("m")

        assert before == []
        assert (await harness.take()).body == b"\x00\xff"

    @pytest.mark.parametrize("first", VERDICTS)
    async def test_second_verdict_changes_nothing(self, harness: QueueHarness, first: str) -> None:
        for second in VERDICTS:
            await harness.send(second)
            delivery = await harness.take()
            await verdict(first, delivery)
            changes = await harness.recorded()
            depths = await harness.queue.depths([LANE, OTHER_LANE])

            if first == second:  # its answer may have been lost
                await verdict(second, delivery)
            else:
                with pytest.raises(LeaseLost):
                    await verdict(second, delivery)

            assert await harness.recorded() == changes
            after = await harness.queue.depths([LANE, OTHER_LANE])
            assert [*map(_counts, after.values())] == [*map(_counts, depths.values())]
            await harness.left()  # out of the way of the next

    async def test_one_of_many_verdicts_at_once_counts(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()

        outcomes = await asyncio.gather(
            *(verdict(name, delivery) for name in VERDICTS), return_exceptions=True
        )

        assert outcomes.count(None) == 1
        assert len(await harness.changes("m")) == 2

    @pytest.mark.parametrize("name", VERDICTS)
    async def test_started_message_can_be_settled(self, harness: QueueHarness, name: str) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await delivery.start()
        await delivery.start()
        await verdict(name, delivery)

        with pytest.raises(LeaseLost):
            await delivery.start()
        assert (await harness.changes("m")).count(Change.STARTED) == 1


def _counts(depth: object) -> tuple[int, ...]:
    return tuple(getattr(depth, name) for name in ("waiting", "leased", "delayed"))
