"""Sending: order, bytes, repetition, limits, schedules."""

import asyncio
from datetime import timedelta

import pytest
from durable_queue.port import Conflict, Dedupe, Duplicate, Enqueued, QueueFull

from testkit.queue_contract.rig import (
    LANE,
    MAX_WAITING,
    OTHER_LANE,
    SOON,
    QueueRig,
    message,
)

BODIES = (
    b"",
    bytes(range(256)),
    b"\x00",
    b"\xff\xfe not utf-8 \xc3\x28",
    '{"ü": "\\ud800"}'.encode(),
    b"12|looks like a ticket",
    b"x" * 100_000,
)


class SendingContract:
    """What holds for `send`."""

    async def test_what_was_sent_first_is_received_first(self, rig: QueueRig) -> None:
        ids = [f"m{number}" for number in range(50)]
        await rig.send(*ids)

        assert await rig.left(LANE) == ids

    @pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
    async def test_bytes_arrive_exactly(self, rig: QueueRig, body: bytes) -> None:
        await rig.queue.send(message("m", body=body))

        assert (await rig.take()).body == body

    async def test_odd_ids_are_kept(self, rig: QueueRig) -> None:
        ids = ["ü/ñ", "a|b", "12|34", "with space", ":", "%s", "x" * 300]
        await rig.send(*ids)

        assert await rig.left(LANE) == ids

    async def test_same_id_again_is_a_duplicate(self, rig: QueueRig) -> None:
        first = await rig.queue.send(message("m", body=b"first"))
        second = await rig.queue.send(message("m", body=b"second"))
        delivery = await rig.take()

        assert (first, second) == (Enqueued("m"), Duplicate("m", ""))
        assert delivery.body == b"first"
        assert await rig.left() == []

    async def test_same_id_again_is_a_duplicate_even_when_it_is_done(self, rig: QueueRig) -> None:
        await rig.send("m")
        await (await rig.take()).ack()

        assert await rig.queue.send(message("m")) == Duplicate("m", "")
        assert await rig.left() == []

    async def test_repetition_gets_the_first_answer(self, rig: QueueRig) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="the answer, ü")
        again = Dedupe(key="k", fingerprint="f", answer="another")
        await rig.queue.send(message("m1", dedupe=dedupe))

        outcome = await rig.queue.send(message("m2", dedupe=again))

        assert outcome == Duplicate("m1", "the answer, ü")
        assert await rig.left() == ["m1"]

    async def test_other_message_under_the_same_key_is_a_conflict(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m1", dedupe=Dedupe(key="k", fingerprint="f")))

        outcome = await rig.queue.send(message("m2", dedupe=Dedupe(key="k", fingerprint="g")))

        assert outcome == Conflict("m1")
        assert await rig.left() == ["m1"]

    async def test_recall_says_what_send_would(self, rig: QueueRig) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="the answer, ü")
        before = await rig.queue.recall(dedupe)
        await rig.queue.send(message("m", dedupe=dedupe))

        assert before is None
        assert await rig.queue.recall(dedupe) == Duplicate("m", "the answer, ü")
        assert await rig.queue.recall(Dedupe(key="k", fingerprint="g")) == Conflict("m")

    async def test_dedupe_key_is_free_again_in_time(self, rig: QueueRig) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", keep=timedelta(milliseconds=200))
        await rig.queue.send(message("m1", dedupe=dedupe))
        await rig.advance(timedelta(milliseconds=300))
        await asyncio.sleep(0.3)  # a broker may count this period by itself

        assert await rig.queue.send(message("m2", dedupe=dedupe)) == Enqueued("m2")

    async def test_one_key_makes_one_message_however_many_send_it(self, rig: QueueRig) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="a")
        outcomes = await asyncio.gather(
            *(rig.queue.send(message(f"m{number}", dedupe=dedupe)) for number in range(100))
        )

        [first] = [outcome for outcome in outcomes if isinstance(outcome, Enqueued)]
        assert outcomes.count(Duplicate(first.id, "a")) == 99
        assert await rig.left() == [first.id]

    async def test_full_lane_refuses_and_says_so(self, rig: QueueRig) -> None:
        await rig.send("m1")
        await rig.fill(LANE)

        with pytest.raises(QueueFull):
            await rig.queue.send(message("m2"))

        assert await rig.queue.send(message("m1")) == Duplicate("m1", "")
        assert await rig.queue.send(message("m3", lane=OTHER_LANE)) == Enqueued("m3")

    async def test_what_waits_for_its_time_takes_room_too(self, rig: QueueRig) -> None:
        later = rig.now() + 1000 * rig.moment
        await rig.fill(LANE, due_at=later)

        # A few may be on their way from one place to another, and not be counted just then.
        with pytest.raises(QueueFull):
            await rig.send(*(f"now{number}" for number in range(MAX_WAITING // 2)))

    async def test_refused_message_may_be_sent_when_there_is_room(self, rig: QueueRig) -> None:
        refused = message("m", dedupe=Dedupe(key="k", fingerprint="f"))
        await rig.fill(LANE)
        with pytest.raises(QueueFull):
            await rig.queue.send(refused)

        for delivery in await rig.queue.receive([LANE], limit=MAX_WAITING // 2, wait=SOON):
            await delivery.ack()

        assert await rig.queue.send(refused) == Enqueued("m")

    async def test_scheduled_message_comes_when_it_is_due(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", due_at=rig.now() + 3 * rig.moment))
        before = await rig.left()
        await rig.pass_time(rig.moment)
        still_before = await rig.left()
        await rig.pass_time(3 * rig.moment)

        assert (before, still_before, await rig.left()) == ([], [], ["m"])

    async def test_schedule_in_the_past_means_now(self, rig: QueueRig) -> None:
        await rig.queue.send(message("m", due_at=rig.now() - rig.moment))

        assert await rig.left() == ["m"]
