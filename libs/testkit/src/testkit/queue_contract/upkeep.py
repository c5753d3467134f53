"""Upkeep: any number of processes may do it at once."""

import asyncio
from datetime import timedelta

from durable_queue.port import Change, LaneDepth, TickReport

from testkit.queue_contract.harness import (
    LANE,
    LANES,
    MAX_DELIVERIES,
    MAX_WAITING,
    SOON,
    QueueHarness,
    message,
)


class UpkeepContract:
    """What holds for `tick`, `heal`, `depths`, `durability` and `ping`."""

    async def test_depths_count_every_state(self, harness: QueueHarness) -> None:
        await harness.send("leased", "w1", "w2")
        await harness.queue.send(message("delayed", due_at=harness.now() + harness.lease))
        await harness.take()
        await harness.advance(harness.moment)

        depths = await harness.queue.depths([LANE, "stage.low"])

        assert depths["stage.low"] == LaneDepth()
        depth = depths[LANE]
        assert (depth.waiting, depth.leased) == (2, 1)
        assert depth.delayed == int(harness.counts_delayed)
        assert harness.moment <= depth.oldest_waiting < 2 * harness.moment

    async def test_what_came_to_wait_in_a_lane_is_counted_or_unknown(
        self, harness: QueueHarness
    ) -> None:
        before = (await harness.queue.depths([LANE]))[LANE].entered
        await harness.send("w1", "w2", "w3")
        await (await harness.take()).ack()
        await (await harness.take()).release()

        after = (await harness.queue.depths([LANE]))[LANE]

        if before is None:
            assert after.entered is None
            assert not after.is_complete
        else:
            assert after.entered == before + 3
            assert after.is_complete

    async def test_ended_messages_are_in_no_lane(self, harness: QueueHarness) -> None:
        await harness.send("done", "dead")
        await (await harness.take()).ack()
        await (await harness.take()).dead_letter("no use")

        assert (await harness.queue.depths([LANE]))[LANE] == LaneDepth()

    async def test_ticks_at_once_do_what_one_does(self, harness: QueueHarness) -> None:
        for number in range(30):
            due_at = harness.now() + harness.moment
            await harness.queue.send(message(f"d{number}", due_at=due_at))
        await harness.send(*(f"l{number}" for number in range(20)))
        taken = 0
        while taken < 20:  # a broker may hand out what has come so far
            taken += len(await harness.queue.receive([LANE], limit=20 - taken, wait=SOON))
        await harness.advance(harness.lease + harness.moment)

        reports: list[TickReport] = []
        async with asyncio.timeout(60):
            while sum(report.promoted + report.leases_expired for report in reports) < 50:
                reports += await asyncio.gather(*(harness.queue.tick(LANES) for _ in range(5)))
        reports += [await harness.queue.tick(LANES)]

        assert sum(report.promoted for report in reports) == 30
        assert sum(report.leases_expired for report in reports) == 20
        assert len(set(await harness.left())) == 50

    async def test_tick_reports_what_died_and_expired(self, harness: QueueHarness) -> None:
        await harness.send("poison")
        for _ in range(MAX_DELIVERIES - 1):
            await (await harness.take()).release()
        await harness.take()
        due_at, expires_at = harness.now() + 9 * harness.lease, harness.now() + harness.moment
        await harness.queue.send(message("late", due_at=due_at, expires_at=expires_at))
        await harness.advance(harness.lease + harness.moment)

        assert await harness.queue.tick([LANE]) == TickReport(died=1, expired=1)
        assert await harness.queue.tick([LANE]) == TickReport()

    async def test_tick_says_when_the_next_one_is_due(self, harness: QueueHarness) -> None:
        before = await harness.queue.tick(LANES)
        await harness.queue.send(message("m", due_at=harness.now() + harness.lease))
        report = await harness.queue.tick(LANES)

        assert before.next_due is None
        if harness.counts_delayed:  # else the broker promotes by itself
            assert report.next_due is not None
            assert timedelta(0) < report.next_due <= harness.lease

    async def test_tick_looks_after_the_given_lanes_only(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", due_at=harness.now() + harness.moment))
        await harness.advance(2 * harness.moment)
        await harness.queue.tick(["stage.low"])

        assert await harness.left() == (["m"] if harness.promotes_by_itself else [])

    async def test_many_due_at_once_are_all_promoted_by_one_tick(
        self, harness: QueueHarness
    ) -> None:
        due_at = harness.now() + 3 * harness.moment
        await asyncio.gather(
            *(
                harness.queue.send(message(f"m{number}", due_at=due_at))
                for number in range(MAX_WAITING)
            )
        )
        await harness.advance(4 * harness.moment)

        if harness.promotes_by_itself:
            assert len(set(await harness.left())) == MAX_WAITING
        assert (await harness.queue.tick([LANE])).promoted == MAX_WAITING

    async def test_there_is_nothing_to_heal_in_a_healthy_queue(self, harness: QueueHarness) -> None:
        await harness.send("waiting", "leased", "done", "dead", "cancelled")
        await harness.queue.cancel("cancelled")
        await (await harness.take()).defer(harness.moment)
        await harness.take()
        await (await harness.take()).ack()
        await (await harness.take()).dead_letter("no use")
        changes = await harness.recorded()

        assert await harness.queue.heal() == 0
        assert await harness.recorded() == changes

    async def test_durability_has_a_profile(self, harness: QueueHarness) -> None:
        profile = (await harness.queue.durability()).profile

        assert profile in {"none", "unknown", "everysec", "always", "quorum", "memory"}

    async def test_ping_leaves_no_message(self, harness: QueueHarness) -> None:
        await harness.queue.ping()

        assert await harness.left() == []
        assert {entry.change for entry in await harness.recorded()} == set[Change]()
