"""Upkeep: any number of processes may do it at once."""

import asyncio
from datetime import timedelta

from durable_queue.port import Change, LaneDepth, TickReport

from testkit.queue_contract.rig import (
    LANE,
    LANES,
    MAX_DELIVERIES,
    MAX_WAITING,
    QueueRig,
    message,
)


class UpkeepContract:
    """What holds for `tick`, `heal`, `depths`, `durability` and `ping`."""

    async def test_depths_count_every_state(self, rig: QueueRig) -> None:
        await rig.send("leased", "w1", "w2")
        await rig.queue.send(message("delayed", due_at=rig.now() + rig.lease))
        await rig.take()
        await rig.advance(rig.moment)

        depths = await rig.queue.depths([LANE, "stage.low"])

        assert depths["stage.low"] == LaneDepth()
        depth = depths[LANE]
        assert (depth.waiting, depth.leased) == (2, 1)
        assert depth.delayed == int(rig.counts_delayed)
        assert rig.moment <= depth.oldest_waiting < 2 * rig.moment

    async def test_ended_messages_are_in_no_lane(self, rig: QueueRig) -> None:
        await rig.send("done", "dead")
        await (await rig.take()).ack()
        await (await rig.take()).dead_letter("no use")

        assert (await rig.queue.depths([LANE]))[LANE] == LaneDepth()

    async def test_ticks_at_once_do_what_one_does(self, rig: QueueRig) -> None:
        for number in range(30):
            due_at = rig.now() + rig.moment
            await rig.queue.send(message(f"d{number}", due_at=due_at))
        await rig.send(*(f"l{number}" for number in range(20)))
        await rig.queue.receive([LANE], limit=20, wait=rig.moment)
        await rig.advance(rig.lease + rig.moment)

        reports = await asyncio.gather(*(rig.queue.tick(LANES) for _ in range(5)))

        assert sum(report.promoted for report in reports) == 30
        assert sum(report.leases_expired for report in reports) == 20
        assert sum(report.moved for report in reports) == 50
        assert len(set(await rig.left())) == 50

    async def test_tick_reports_what_died_and_expired(self, rig: QueueRig) -> None:
        await rig.send("poison")
        for _ in range(MAX_DELIVERIES - 1):
            await (await rig.take()).release()
        await rig.take()
        due_at, expires_at = rig.now() + 9 * rig.lease, rig.now() + rig.moment
        await rig.queue.send(message("late", due_at=due_at, expires_at=expires_at))
        await rig.advance(rig.lease + rig.moment)

        assert await rig.queue.tick([LANE]) == TickReport(died=1, expired=1)
        assert await rig.queue.tick([LANE]) == TickReport()

    async def test_tick_says_when_the_next_one_is_due(self, rig: QueueRig) -> None:
        before = await rig.queue.tick(LANES)
        await rig.queue.send(message("m", due_at=rig.now() + rig.lease))
        report = await rig.queue.tick(LANES)

        assert before.next_due is None
        if rig.counts_delayed:  # else the broker promotes by itself
            assert report.next_due is not None
            assert timedelta(0) < report.next_due <= rig.lease

    async def test_tick_looks_after_the_given_lanes_only(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", due_at=rig.now() + rig.moment))
        await rig.advance(2 * rig.moment)
        await rig.queue.tick(["stage.low"])

        assert await rig.left() == (["m"] if rig.promotes_by_itself else [])

    async def test_many_due_at_once_are_all_promoted_by_one_tick(self, rig: QueueRig) -> None:
        due_at = rig.now() + 3 * rig.moment
        await asyncio.gather(
            *(rig.queue.send(message(f"m{number}", due_at=due_at)) for number in range(MAX_WAITING))
        )
        await rig.advance(4 * rig.moment)

        if rig.promotes_by_itself:
            assert len(set(await rig.left())) == MAX_WAITING
        assert (await rig.queue.tick([LANE])).promoted == MAX_WAITING

    async def test_there_is_nothing_to_heal_in_a_healthy_queue(self, rig: QueueRig) -> None:
        await rig.send("waiting", "leased", "done", "dead", "cancelled")
        await rig.queue.cancel("cancelled")
        await (await rig.take()).defer(rig.moment)
        await rig.take()
        await (await rig.take()).ack()
        await (await rig.take()).dead_letter("no use")
        changes = await rig.recorded()

        assert await rig.queue.heal() == 0
        assert await rig.recorded() == changes

    async def test_durability_has_a_profile(self, rig: QueueRig) -> None:
        profile = (await rig.queue.durability()).profile

        assert profile in {"none", "unknown", "everysec", "always", "quorum", "memory"}

    async def test_ping_leaves_no_message(self, rig: QueueRig) -> None:
        await rig.queue.ping()

        assert await rig.left() == []
        assert {entry.change for entry in await rig.recorded()} == set[Change]()
