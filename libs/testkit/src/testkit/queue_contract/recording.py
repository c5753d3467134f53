"""Recording: the recorder is told of every change, in the same step, in order."""

from datetime import timedelta

from durable_queue.port import Change

from testkit.queue_contract.rig import AT_ONCE, LANE, OTHER_LANE, QueueRig, message


class RecordingContract:
    """What a recorder is told."""

    async def test_recorder_is_told_the_whole_story(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", due_at=rig.now() + rig.moment, note=b"1"))
        await rig.pass_time(2 * rig.moment)
        await (await rig.take()).defer(AT_ONCE, b"2")
        await (await rig.take()).release(AT_ONCE, b"3")
        await (await rig.take()).forward(OTHER_LANE, b"4")
        delivery = await rig.take(OTHER_LANE)
        await delivery.start(b"5")
        await delivery.retry(AT_ONCE, b"6")
        await (await rig.take(OTHER_LANE)).dead_letter("no use", b"7")
        await rig.queue.replay("m", note=b"8")
        await (await rig.take(OTHER_LANE)).ack("ü".encode())

        story = [(entry.change, entry.lane, entry.note) for entry in await rig.recorded()]
        assert story == [
            (Change.SCHEDULED, LANE, b"1"),
            (Change.PROMOTED, LANE, b""),
            (Change.DEFERRED, LANE, b"2"),
            (Change.RELEASED, LANE, b"3"),
            (Change.FORWARDED, OTHER_LANE, b"4"),
            (Change.STARTED, OTHER_LANE, b"5"),
            (Change.RETRIED, OTHER_LANE, b"6"),
            (Change.DEAD, OTHER_LANE, b"7"),
            (Change.REPLAYED, OTHER_LANE, b"8"),
            (Change.DONE, OTHER_LANE, "ü".encode()),
        ]

    async def test_recorder_is_told_what_operators_do(self, rig: QueueRig) -> None:
        await rig.send("m1", "m2")
        await rig.queue.cancel("m1", b"not wanted")
        await (await rig.take()).dead_letter("no use")
        await rig.queue.delete("m2", b"seen")

        told = {(entry.message_id, entry.change): entry.note for entry in await rig.recorded()}
        assert told["m1", Change.CANCELLED] == b"not wanted"
        assert told["m2", Change.DELETED] == b"seen"

    async def test_recorder_learns_when_it_is_due(self, rig: QueueRig) -> None:
        due_at = rig.now() + 5 * rig.moment
        await rig.queue.send(message("m", due_at=due_at))
        await rig.send("n")
        await (await rig.take()).retry(rig.moment)

        scheduled, enqueued, retried = await rig.recorded()
        assert scheduled.due_at is not None
        assert abs(scheduled.due_at - due_at) < timedelta(milliseconds=2)
        assert enqueued.due_at is None
        assert retried.due_at == retried.at + rig.moment

    async def test_recorder_is_not_told_of_what_did_not_happen(self, rig: QueueRig) -> None:
        await rig.send("m")
        await rig.send("m")
        await rig.queue.replay("m")
        await rig.queue.tick([LANE])
        await rig.take()
        await rig.queue.heal()

        assert await rig.changes("m") == [Change.ENQUEUED]

    async def test_times_are_those_of_the_broker(self, rig: QueueRig) -> None:
        before = rig.now()
        await rig.send("m")
        [entry] = await rig.recorded()

        assert before - timedelta(milliseconds=1) <= entry.at <= rig.now()
