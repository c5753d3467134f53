"""Sending: order, bytes, repetition, limits, schedules."""

import asyncio
from datetime import timedelta

import pytest
from durable_queue.messages import REPEATABLE_FOR
from durable_queue.port import Conflict, Dedupe, Duplicate, Enqueued, QueueFull

from testkit.queue_contract.harness import (
    LANE,
    MAX_WAITING,
    OTHER_LANE,
    SOON,
    QueueHarness,
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

    async def test_what_was_sent_first_is_received_first(self, harness: QueueHarness) -> None:
        ids = [f"m{number}" for number in range(50)]
        await harness.send(*ids)

        assert await harness.left(LANE) == ids

    @pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
    async def test_bytes_arrive_exactly(self, harness: QueueHarness, body: bytes) -> None:
        await harness.queue.send(message("m", body=body))

        assert (await harness.take()).body == body

    async def test_odd_ids_are_kept(self, harness: QueueHarness) -> None:
        ids = ["ü/ñ", "a|b", "12|34", "with space", ":", "%s", "x" * 300]
        await harness.send(*ids)

        assert await harness.left(LANE) == ids

    async def test_same_id_again_is_a_duplicate(self, harness: QueueHarness) -> None:
        first = await harness.queue.send(message("m", body=b"first"))
        second = await harness.queue.send(message("m", body=b"second"))
        delivery = await harness.take()

        assert (first, second) == (Enqueued("m"), Duplicate("m", ""))
        assert delivery.body == b"first"
        assert await harness.left() == []

    async def test_same_id_again_is_a_duplicate_even_when_it_is_done(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("m")
        await (await harness.take()).ack()

        assert await harness.queue.send(message("m")) == Duplicate("m", "")
        assert await harness.left() == []

    async def test_repetition_gets_the_first_answer(self, harness: QueueHarness) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="the answer, ü")
        again = Dedupe(key="k", fingerprint="f", answer="another")
        await harness.queue.send(message("m1", dedupe=dedupe))

        outcome = await harness.queue.send(message("m2", dedupe=again))

        assert outcome == Duplicate("m1", "the answer, ü")
        assert await harness.left() == ["m1"]

    async def test_other_message_under_the_same_key_is_a_conflict(
        self, harness: QueueHarness
    ) -> None:
        await harness.queue.send(message("m1", dedupe=Dedupe(key="k", fingerprint="f")))

        outcome = await harness.queue.send(message("m2", dedupe=Dedupe(key="k", fingerprint="g")))

        assert outcome == Conflict("m1")
        assert await harness.left() == ["m1"]

    async def test_recall_says_what_send_would(self, harness: QueueHarness) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="the answer, ü")
        before = await harness.queue.recall(dedupe)
        await harness.queue.send(message("m", dedupe=dedupe))

        assert before is None
        assert await harness.queue.recall(dedupe) == Duplicate("m", "the answer, ü")
        assert await harness.queue.recall(Dedupe(key="k", fingerprint="g")) == Conflict("m")

    async def test_dedupe_key_is_free_again_in_time(self, harness: QueueHarness) -> None:
        dedupe = Dedupe(key="k", fingerprint="f")
        await harness.queue.send(message("m1", dedupe=dedupe))
        await harness.advance(REPEATABLE_FOR - timedelta(minutes=1))
        early = await harness.queue.send(message("m2", dedupe=dedupe))
        await harness.advance(timedelta(minutes=2))

        assert early == Duplicate("m1", "")
        assert await harness.queue.send(message("m2", dedupe=dedupe)) == Enqueued("m2")

    async def test_one_key_makes_one_message_however_many_send_it(
        self, harness: QueueHarness
    ) -> None:
        dedupe = Dedupe(key="k", fingerprint="f", answer="a")
        outcomes = await asyncio.gather(
            *(harness.queue.send(message(f"m{number}", dedupe=dedupe)) for number in range(100))
        )

        [first] = [outcome for outcome in outcomes if isinstance(outcome, Enqueued)]
        assert outcomes.count(Duplicate(first.id, "a")) == 99
        assert await harness.left() == [first.id]

    async def test_full_lane_refuses_and_says_so(self, harness: QueueHarness) -> None:
        await harness.send("m1")
        await harness.fill(LANE)

        with pytest.raises(QueueFull):
            await harness.queue.send(message("m2"))

        assert await harness.queue.send(message("m1")) == Duplicate("m1", "")
        assert await harness.queue.send(message("m3", lane=OTHER_LANE)) == Enqueued("m3")

    async def test_what_waits_for_its_time_takes_room_too(self, harness: QueueHarness) -> None:
        later = harness.now() + 1000 * harness.moment
        await harness.fill(LANE, due_at=later)

        # A few may be on their way from one place to another, and not be counted just then.
        with pytest.raises(QueueFull):
            await harness.send(*(f"now{number}" for number in range(MAX_WAITING // 2)))

    async def test_refused_message_may_be_sent_when_there_is_room(
        self, harness: QueueHarness
    ) -> None:
        refused = message("m", dedupe=Dedupe(key="k", fingerprint="f"))
        await harness.fill(LANE)
        with pytest.raises(QueueFull):
            await harness.queue.send(refused)

        for delivery in await harness.queue.receive([LANE], limit=MAX_WAITING // 2, wait=SOON):
            await delivery.ack()

        assert await harness.queue.send(refused) == Enqueued("m")

    async def test_scheduled_message_comes_when_it_is_due(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", due_at=harness.now() + 3 * harness.moment))
        before = await harness.left()
        await harness.pass_time(harness.moment)
        still_before = await harness.left()
        await harness.pass_time(3 * harness.moment)

        assert (before, still_before, await harness.left()) == ([], [], ["m"])

    async def test_schedule_in_the_past_means_now(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", due_at=harness.now() - harness.moment))

        assert await harness.left() == ["m"]
