"""What a foreign producer pushes by hand is adopted, not dropped."""

import re

import pytest
from durable_queue.port import Change, Duplicate

from testkit.queue_contract.harness import LANE, OTHER_LANE, QueueHarness, message

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
KNOWN = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b"

RAW = (
    b'{"user_id": "u", "message": "hello"}',
    b"not json",
    b"",
    b"{broken",
    b'{"n": 9007199254740993}',
    b'{"s": "\\ud800"}',
    b'{"trace_id": 7}',
    b'{"trace_id": "../../etc"}',
    b"[" * 2000,
    b"null",
    b"\x00",
    b"\xff\xfe\xfd",
    b" ",
    b"1|a",
    b"99999999999999999999|m",
    b"|",
)


class AdoptingContract:
    """What holds for bytes that did not come through `send`, where that is possible."""

    @pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
    async def test_raw_bytes_become_a_message(self, harness: QueueHarness, raw: bytes) -> None:
        await _push_raw(harness, raw)

        delivery = await harness.take()

        assert (delivery.body, delivery.attempt, delivery.lane) == (raw, 1, LANE)
        assert UUID7.fullmatch(delivery.id)
        assert await harness.changes(delivery.id) == [Change.ADOPTED]

    async def test_raw_message_brings_its_own_id(self, harness: QueueHarness) -> None:
        await _push_raw(harness, f'{{"trace_id": "{KNOWN.upper()}"}}'.encode())

        assert (await harness.take()).id == KNOWN

    async def test_raw_message_may_not_take_a_known_id(self, harness: QueueHarness) -> None:
        await harness.send(KNOWN)
        await _push_raw(harness, f'{{"trace_id": "{KNOWN}"}}'.encode())

        sent, raw = await harness.take(), await harness.take()

        assert sent.id == KNOWN
        assert UUID7.fullmatch(raw.id)
        assert raw.id != KNOWN

    async def test_many_raw_messages_are_all_different(self, harness: QueueHarness) -> None:
        for _ in range(100):
            await _push_raw(harness, b"same")

        assert len(set(await harness.left())) == 100

    async def test_raw_and_sent_messages_keep_their_order(self, harness: QueueHarness) -> None:
        await harness.send("m1")
        await _push_raw(harness, b"raw")
        await harness.send("m2")

        bodies = [(await harness.take()).body for _ in range(3)]

        if not harness.adopts_in_place:
            assert bodies == [b"hello", b"hello", b"raw"]
        else:
            assert bodies == [b"hello", b"raw", b"hello"]

    async def test_raw_message_is_as_safe_as_any_once_adopted(self, harness: QueueHarness) -> None:
        await _push_raw(harness, b"raw\x00")
        lost = await harness.take()
        await harness.lose_lease(lost)

        again = await harness.take()
        await again.forward(OTHER_LANE)

        assert (again.id, again.body) == (lost.id, b"raw\x00")
        assert (await harness.take(OTHER_LANE)).body == b"raw\x00"
        assert await harness.queue.send(message(lost.id)) == Duplicate(lost.id, "")


async def _push_raw(harness: QueueHarness, raw: bytes) -> None:
    assert harness.push_raw is not None
    await harness.push_raw(LANE, raw)
