"""Clocks: what holds when somebody sets the broker's, forwards or back."""

from datetime import timedelta

import pytest
from durable_queue.port import Change

from testkit.queue_contract.harness import AT_ONCE, LANE, LANES, QueueHarness, message

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])


class ClockContract:
    """What holds for a jump between two ticks."""

    @JUMPS
    async def test_time_is_the_brokers(self, harness: QueueHarness, jump: timedelta) -> None:
        before = await harness.queue.time()
        await harness.jump(jump)
        await harness.advance(harness.moment)

        passed = await harness.queue.time() - before
        assert round(passed / HOUR) == jump / HOUR
        assert round((harness.queue.now() - before) / HOUR) == jump / HOUR

    @JUMPS
    async def test_no_live_worker_loses_its_message_by_a_jump(
        self, harness: QueueHarness, jump: timedelta
    ) -> None:
        await harness.send("started", "held")
        started, held = await harness.take(), await harness.take()
        await started.start()
        await harness.queue.tick(LANES)
        await harness.jump(jump)
        await harness.pass_time(harness.moment)

        assert list(await harness.queue.renew([started, held])) == []
        await harness.pass_time(harness.lease / 2)
        await started.ack()
        await held.retry(AT_ONCE)
        assert await harness.left() == ["held"]

    @JUMPS
    async def test_a_dead_workers_message_comes_within_two_leases_of_a_jump(
        self, harness: QueueHarness, jump: timedelta
    ) -> None:
        await harness.send("before", "after")
        await harness.take()
        await harness.queue.tick(LANES)
        await harness.jump(jump)
        await harness.take()
        await harness.pass_time(harness.moment)
        await harness.pass_time(harness.lease + harness.moment)

        assert sorted(await harness.left()) == ["after", "before"]

    @JUMPS
    async def test_a_retry_waits_its_delay_and_no_longer(
        self, harness: QueueHarness, jump: timedelta
    ) -> None:
        if jump > timedelta(0) and not harness.rests_by_a_steady_clock:
            return
        await harness.send("m")
        await (await harness.take()).retry(harness.moment)
        await harness.queue.tick(LANES)
        await harness.jump(jump)
        await harness.queue.tick(LANES)
        at_once = await harness.left()
        for _ in range(3):
            await harness.pass_time(harness.moment)

        assert (at_once, await harness.left()) == ([], ["m"])

    async def test_what_is_due_later_waits_although_the_clock_was_set_back(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.tick(LANES)
        await harness.queue.send(message("m", due_at=harness.now() + harness.moment))
        await harness.jump(-HOUR)
        await harness.pass_time(2 * harness.moment)

        assert await harness.left() == []
        await harness.pass_time(HOUR)
        await harness.queue.tick(LANES)
        assert await harness.left() == ["m"]

    async def test_nothing_expires_early_by_the_clock_that_was_set_back(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
        await harness.jump(-HOUR)
        await harness.pass_time(2 * harness.moment)
        delivery = await harness.take(LANE)
        await delivery.start()
        await delivery.ack()

        assert (await harness.changes("m"))[-1] == Change.DONE
