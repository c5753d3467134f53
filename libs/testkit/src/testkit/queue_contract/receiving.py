"""Receiving: lanes, limits, waiting, many at once."""

import asyncio
import time
from datetime import timedelta

import pytest

from testkit.queue_contract.harness import AT_ONCE, LANE, OTHER_LANE, SOON, QueueHarness

PRIORITIES = ("stage.high", "stage.normal", "stage.low")


class ReceivingContract:
    """What holds for `receive`."""

    async def test_earlier_lanes_come_first(self, harness: QueueHarness) -> None:
        for lane in reversed(PRIORITIES):
            await harness.send(f"{lane}.1", f"{lane}.2", lane=lane)

        found = await harness.queue.receive(PRIORITIES, limit=5, wait=SOON)

        expected = ["stage.high.1", "stage.high.2", "stage.normal.1", "stage.normal.2"]
        assert [delivery.id for delivery in found] == [*expected, "stage.low.1"]
        assert [delivery.lane for delivery in found[::2]] == list(PRIORITIES)

    async def test_later_lanes_are_not_starved(self, harness: QueueHarness) -> None:
        await harness.send("low", lane="stage.low")
        await harness.send("normal", lane="stage.normal")
        await harness.send(*(f"high{number}" for number in range(60)), lane="stage.high")

        found = {(await harness.take(*PRIORITIES)).id for _ in range(40)}

        assert {"low", "normal"} < found

    async def test_no_more_than_the_limit_is_received(self, harness: QueueHarness) -> None:
        await harness.send("m1", "m2", "m3")

        first = await harness.queue.receive([LANE], limit=2, wait=SOON)

        assert [delivery.id for delivery in first] == ["m1", "m2"]
        assert await harness.left() == ["m3"]

    async def test_leased_message_is_not_received_again(self, harness: QueueHarness) -> None:
        await harness.send("m")
        await harness.take()
        await harness.pass_time(harness.moment)

        assert await harness.left() == []

    async def test_other_lanes_are_left_alone(self, harness: QueueHarness) -> None:
        await harness.send("m", lane="stage.low")

        assert await harness.left("stage.high", "stage.normal") == []

    async def test_receive_waits_for_a_message(self, harness: QueueHarness) -> None:
        receiving = asyncio.create_task(harness.take(*PRIORITIES))
        await asyncio.sleep(0.05)
        await harness.send("m")

        async with asyncio.timeout(60):
            assert (await receiving).id == "m"

    @pytest.mark.parametrize("wait", [timedelta(0), timedelta(milliseconds=150)])
    async def test_receive_gives_up_after_its_wait(
        self, harness: QueueHarness, wait: timedelta
    ) -> None:
        await harness.queue.receive([LANE], limit=1, wait=AT_ONCE)  # connects
        began = time.monotonic()

        found = await harness.queue.receive([LANE], limit=1, wait=wait)

        took = timedelta(seconds=time.monotonic() - began)
        assert list(found) == []
        assert wait <= took + timedelta(milliseconds=2)

    async def test_many_receivers_get_each_message_once(self, harness: QueueHarness) -> None:
        ids = [f"m{number}" for number in range(200)]
        found: list[str] = []

        async def work() -> None:
            while len(found) < len(ids):
                some = await harness.queue.receive(
                    [LANE], limit=3, wait=timedelta(milliseconds=100)
                )
                found.extend(delivery.id for delivery in some)

        await asyncio.gather(harness.send(*ids), *(work() for _ in range(8)))

        assert sorted(found) == sorted(ids)

    async def test_cancelled_receive_loses_nothing(self, harness: QueueHarness) -> None:
        ids = {f"m{number}" for number in range(30)}
        for number, message_id in enumerate(sorted(ids)):
            receiving = asyncio.create_task(harness.queue.receive([LANE], limit=1, wait=SOON))
            await asyncio.sleep(0.001 * (number % 4))
            sending = asyncio.create_task(harness.send(message_id))
            await asyncio.sleep(0.0003 * (number % 5))
            receiving.cancel()
            found, _ = await asyncio.gather(receiving, sending, return_exceptions=True)
            if not isinstance(found, BaseException):
                ids -= {delivery.id for delivery in found}

        async with asyncio.timeout(60):
            while ids:
                ids.discard((await harness.take()).id)

    async def test_receive_works_after_one_was_cancelled(self, harness: QueueHarness) -> None:
        receiving = asyncio.create_task(harness.queue.receive([LANE], limit=1, wait=SOON))
        await asyncio.sleep(0.02)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving

        await harness.send("m")

        assert (await harness.take()).id == "m"

    async def test_lanes_that_were_left_are_received_from_again_in_order(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("1", "2", "3")
        held = await harness.take()

        await harness.queue.leave([LANE, OTHER_LANE])
        await held.ack()
        await harness.send("4")

        found = [(await harness.take()).id for _ in range(3)]
        assert (held.id, found) == ("1", ["2", "3", "4"])

    async def test_what_is_handed_back_to_a_lane_that_was_left_comes_again(
        self, harness: QueueHarness
    ) -> None:
        await harness.send("1")
        held = await harness.take()
        await harness.queue.leave([LANE])

        await held.release()

        assert (await harness.take()).id == "1"
