"""Many messages told of at once: each as if it were alone."""

from collections.abc import Mapping

import pytest
from durable_queue.port import (
    Ack,
    Advance,
    Change,
    ControlOutcome,
    Defer,
    Delivery,
    Forward,
    GiveUp,
    LeaseLost,
    MessageExpired,
    OnAmbiguous,
    Release,
    Retry,
    Start,
    Verdict,
)

from testkit.queue_contract.harness import AT_ONCE, LANE, OTHER_LANE, QueueHarness, message

ONWARD = Advance(OTHER_LANE, b"checked", Start(b"sending", OnAmbiguous.HOLD, "far"))
LAST: Mapping[Verdict, Change] = {
    Ack(b"a"): Change.DONE,
    Forward(OTHER_LANE, b"f"): Change.FORWARDED,
    Retry(AT_ONCE, b"r"): Change.RETRIED,
    Defer(AT_ONCE, b"d"): Change.DEFERRED,
    GiveUp("no use", b"x"): Change.DEAD,
    Release(AT_ONCE, b"b"): Change.RELEASED,
}


async def advanced(harness: QueueHarness, message_id: str = "m") -> Delivery:
    """Send a message and take it as far as a start in the other lane."""
    await harness.send(message_id)
    [onward] = await harness.queue.advance_all([(await harness.take(), ONWARD)])
    assert onward is not None
    assert not isinstance(onward, Exception)
    return onward


class BatchContract:
    """What holds for `MessageBatches`."""

    async def test_each_of_many_verdicts_is_as_if_it_were_alone(
        self, harness: QueueHarness
    ) -> None:
        names = [f"m{number}" for number in range(len(LAST))]
        await harness.send(*names)
        held = await harness.queue.receive([LANE], limit=len(LAST), wait=AT_ONCE)
        verdicts: list[tuple[Delivery, Verdict]] = list(zip(held, LAST, strict=True))

        outcomes = await harness.queue.settle_all(verdicts)

        assert list(outcomes) == [None] * len(LAST)
        told = {entry.message_id: entry for entry in await harness.recorded()}
        assert [told[name].change for name in names] == list(LAST.values())
        assert [told[name].note for name in names] == [verdict.note for verdict in LAST]

    async def test_one_that_is_lost_takes_no_other_along(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2", "m3")
        held = await harness.queue.receive([LANE], limit=3, wait=AT_ONCE)
        await harness.queue.cancel("m2")

        started = await harness.queue.start_all([(each, Start()) for each in held])
        settled = await harness.queue.settle_all([(each, Ack()) for each in held])

        for outcomes in (started, settled):
            assert [type(each) for each in outcomes] == [type(None), LeaseLost, type(None)]
        assert await harness.changes("m1") == [Change.ENQUEUED, Change.STARTED, Change.DONE]
        assert (await harness.changes("m2"))[-1] == Change.CANCELLED

    async def test_one_that_is_too_late_takes_no_other_along(self, harness: QueueHarness) -> None:
        soon = harness.now() + harness.moment
        await harness.queue.send(message("late", expires_at=soon))
        await harness.send("m")
        held = await harness.queue.receive([LANE], limit=2, wait=AT_ONCE)
        await harness.advance(2 * harness.moment)

        outcomes = await harness.queue.start_all([(each, Start()) for each in held])

        assert [type(each) for each in outcomes] == [MessageExpired, type(None)]
        assert (await harness.changes("late"))[-1] == Change.EXPIRED

    async def test_same_verdicts_again_change_nothing(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2")
        held = await harness.queue.receive([LANE], limit=2, wait=AT_ONCE)
        verdicts: list[tuple[Delivery, Verdict]] = [(held[0], Ack()), (held[1], Retry(AT_ONCE))]
        await harness.queue.settle_all(verdicts)
        changes = await harness.recorded()

        assert list(await harness.queue.settle_all(verdicts)) == [None, None]
        assert await harness.recorded() == changes

    async def test_nothing_at_all_may_be_said_of_none(self, harness: QueueHarness) -> None:
        queue = harness.queue

        assert list(await queue.start_all([])) == []
        assert list(await queue.settle_all([])) == []
        assert list(await queue.advance_all([])) == []

    async def test_nobody_is_overtaken_by_an_advance(self, harness: QueueHarness) -> None:
        await harness.send("before", lane=OTHER_LANE)
        await harness.send("m")
        advances = [(await harness.take(), ONWARD)]

        for _ in range(2):
            assert list(await harness.queue.advance_all(advances)) == [None]

        assert await harness.left(OTHER_LANE) == ["before", "m"]
        assert await harness.changes("m") == [Change.ENQUEUED, Change.FORWARDED]


class AdvanceContract:
    """What holds for an advance."""

    async def test_advanced_one_is_started_in_the_other_lane(self, harness: QueueHarness) -> None:
        onward = await advanced(harness)

        assert (onward.id, onward.lane, onward.body) == ("m", OTHER_LANE, b"hello")
        assert (onward.attempt, onward.deferrals, onward.progress) == (1, 0, "far")
        assert await harness.left() == []
        assert await harness.queue.cancel("m") == ControlOutcome.REFUSED
        told = [(each.change, each.lane, each.note) for each in await harness.recorded()]
        assert told[1:] == [
            (Change.FORWARDED, OTHER_LANE, b"checked"),
            (Change.STARTED, OTHER_LANE, b"sending"),
        ]
        depths = await harness.queue.depths([LANE, OTHER_LANE])
        assert [depths[lane].leased for lane in (LANE, OTHER_LANE)] == [0, 1]

    async def test_advanced_one_is_settled_as_any(self, harness: QueueHarness) -> None:
        onward = await advanced(harness)
        await onward.start()
        await onward.retry(AT_ONCE)
        again = await harness.take(OTHER_LANE)

        assert (again.attempt, again.progress) == (2, "far")
        await again.ack()
        assert (await harness.changes("m"))[3:] == [Change.RETRIED, Change.DONE]

    async def test_attempts_of_an_advanced_one_are_counted_anew(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", max_attempts=5))
        await (await harness.take()).retry(AT_ONCE)
        await (await harness.take()).defer(AT_ONCE)
        [onward] = await harness.queue.advance_all([(await harness.take(), ONWARD)])

        assert isinstance(onward, type(await advanced(harness, "other")))
        assert (onward.attempt, onward.deferrals, onward.max_attempts) == (1, 0, 5)

    async def test_lease_of_an_advanced_one_is_renewed_and_may_run_out(
        self, harness: QueueHarness
    ) -> None:
        onward = await advanced(harness)
        for _ in range(3):
            await harness.pass_time(harness.lease - harness.moment)
            assert await harness.queue.renew([onward]) == []
        await harness.lose_lease(onward)

        with pytest.raises(LeaseLost):
            await onward.ack()
        last = (await harness.recorded())[-1]
        assert (last.change, last.is_uncertain) == (Change.AMBIGUOUS, True)

    async def test_advanced_again_is_as_it_was(self, harness: QueueHarness) -> None:
        await harness.send("m")
        delivery = await harness.take()
        await harness.queue.advance_all([(delivery, ONWARD)])
        changes = await harness.recorded()
        [again] = await harness.queue.advance_all([(delivery, ONWARD)])  # the reply was lost

        assert await harness.recorded() == changes
        assert isinstance(again, type(delivery))
        await again.ack()
        assert (await harness.changes("m"))[-1] == Change.DONE

    async def test_what_may_not_be_started_is_not_advanced(self, harness: QueueHarness) -> None:
        soon = harness.now() + harness.moment
        await harness.queue.send(message("late", expires_at=soon))
        await harness.send("withdrawn", "m")
        held = await harness.queue.receive([LANE], limit=3, wait=AT_ONCE)
        await harness.queue.cancel("withdrawn")
        await harness.advance(2 * harness.moment)

        for _ in range(2):
            outcomes = await harness.queue.advance_all([(each, ONWARD) for each in held])

            assert [type(each) for each in outcomes[:2]] == [MessageExpired, LeaseLost]
            assert isinstance(outcomes[2], type(held[2]))
        assert (await harness.changes("late"))[-1] == Change.EXPIRED
