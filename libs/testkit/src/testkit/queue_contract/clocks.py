"""Clocks: what holds when somebody sets the broker's, forwards or back."""

from datetime import timedelta

import pytest
from durable_queue.port import Change

from testkit.queue_contract.rig import AT_ONCE, LANE, LANES, QueueRig, message

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])


class ClockContract:
    """What holds for a jump between two ticks."""

    @JUMPS
    async def test_time_is_the_brokers(self, rig: QueueRig, jump: timedelta) -> None:
        before = await rig.queue.time()
        await rig.jump(jump)
        await rig.advance(rig.moment)

        passed = await rig.queue.time() - before
        assert round(passed / HOUR) == jump / HOUR

    @JUMPS
    async def test_no_live_worker_loses_its_message_by_a_jump(
        self, rig: QueueRig, jump: timedelta
    ) -> None:
        await rig.send("started", "held")
        started, held = await rig.take(), await rig.take()
        await started.start()
        await rig.queue.tick(LANES)
        await rig.jump(jump)
        await rig.pass_time(rig.moment)

        assert list(await rig.queue.renew([started, held])) == []
        await rig.pass_time(rig.lease / 2)
        await started.ack()
        await held.retry(AT_ONCE)
        assert await rig.left() == ["held"]

    @JUMPS
    async def test_a_dead_workers_message_comes_within_two_leases_of_a_jump(
        self, rig: QueueRig, jump: timedelta
    ) -> None:
        await rig.send("before", "after")
        await rig.take()
        await rig.queue.tick(LANES)
        await rig.jump(jump)
        await rig.take()
        await rig.pass_time(rig.moment)
        await rig.pass_time(rig.lease + rig.moment)

        assert sorted(await rig.left()) == ["after", "before"]

    @JUMPS
    async def test_a_retry_waits_its_delay_and_no_longer(
        self, rig: QueueRig, jump: timedelta
    ) -> None:
        if jump > timedelta(0) and not rig.rests_by_a_steady_clock:
            return
        await rig.send("m")
        await (await rig.take()).retry(rig.moment)
        await rig.queue.tick(LANES)
        await rig.jump(jump)
        await rig.queue.tick(LANES)
        at_once = await rig.left()
        for _ in range(3):
            await rig.pass_time(rig.moment)

        assert (at_once, await rig.left()) == ([], ["m"])

    async def test_what_is_due_later_waits_although_the_clock_was_set_back(
        self, rig: QueueRig
    ) -> None:
        await rig.queue.tick(LANES)
        await rig.queue.send(message("m", due_at=rig.now() + rig.moment))
        await rig.jump(-HOUR)
        await rig.pass_time(2 * rig.moment)

        assert await rig.left() == []
        await rig.pass_time(HOUR)
        await rig.queue.tick(LANES)
        assert await rig.left() == ["m"]

    async def test_nothing_expires_early_by_the_clock_that_was_set_back(
        self, rig: QueueRig
    ) -> None:
        await rig.queue.send(message("m", expires_at=rig.now() + rig.moment))
        await rig.jump(-HOUR)
        await rig.pass_time(2 * rig.moment)
        delivery = await rig.take(LANE)
        await delivery.start()
        await delivery.ack()

        assert (await rig.changes("m"))[-1] == Change.DONE
