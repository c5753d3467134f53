"""Recording: the recorder is told of every change, in the same step, in order."""

from datetime import timedelta

from durable_queue.port import Change

from testkit.queue_contract.harness import AT_ONCE, LANE, OTHER_LANE, QueueHarness, message


class RecorderContract:
    """What a recorder is told."""

    async def test_recorder_is_told_the_whole_story(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", due_at=harness.now() + harness.moment, note=b"1"))
        await harness.pass_time(2 * harness.moment)
        await (await harness.take()).defer(AT_ONCE, b"2")
        await (await harness.take()).release(AT_ONCE, b"3")
        await (await harness.take()).forward(OTHER_LANE, b"4")
        delivery = await harness.take(OTHER_LANE)
        await delivery.start(b"5")
        await delivery.retry(AT_ONCE, b"6")
        await (await harness.take(OTHER_LANE)).dead_letter("no use", b"7")
        await harness.queue.replay("m")
        await (await harness.take(OTHER_LANE)).ack("ü".encode())

        story = [(entry.change, entry.lane, entry.note) for entry in await harness.recorded()]
        assert story == [
            (Change.SCHEDULED, LANE, b"1"),
            (Change.PROMOTED, LANE, b""),
            (Change.DEFERRED, LANE, b"2"),
            (Change.RELEASED, LANE, b"3"),
            (Change.FORWARDED, OTHER_LANE, b"4"),
            (Change.STARTED, OTHER_LANE, b"5"),
            (Change.RETRIED, OTHER_LANE, b"6"),
            (Change.DEAD, OTHER_LANE, b"7"),
            (Change.REPLAYED, OTHER_LANE, b""),
            (Change.DONE, OTHER_LANE, "ü".encode()),
        ]

    async def test_recorder_is_told_what_operators_do(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2")
        await harness.queue.cancel("m1")
        await (await harness.take()).dead_letter("no use")
        await harness.queue.delete("m2")

        assert (await harness.changes("m1"))[-1] == Change.CANCELLED
        assert (await harness.changes("m2"))[-1] == Change.DELETED

    async def test_recorder_learns_when_it_is_due(self, harness: QueueHarness) -> None:
        due_at = harness.now() + 5 * harness.moment
        await harness.queue.send(message("m", due_at=due_at))
        await harness.send("n")
        await (await harness.take()).retry(harness.moment)

        scheduled, enqueued, retried = await harness.recorded()
        assert scheduled.due_at is not None
        assert abs(scheduled.due_at - due_at) < timedelta(milliseconds=2)
        assert enqueued.due_at is None
        assert retried.due_at == retried.at + harness.moment

    async def test_recorder_is_not_told_of_what_did_not_happen(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await harness.send("m")
        await harness.queue.replay("m")
        await harness.queue.tick([LANE])
        await harness.take()
        await harness.queue.heal()

        assert await harness.changes("m") == [Change.ENQUEUED]

    async def test_times_are_those_of_the_broker(self, harness: QueueHarness) -> None:
        before = harness.now()
        await harness.send("m")
        [entry] = await harness.recorded()

        assert before - timedelta(milliseconds=1) <= entry.at <= harness.now()
