"""What this process still has in its hands when a verdict, or a worker's claim, came to nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from durable_queue.port import (
    Change,
    ControlOutcome,
    Dedupe,
    Duplicate,
    Enqueued,
    LeaseLost,
    QueueUnavailable,
)
from service_kit.failpoints import FailpointTripped, armed
from testkit.clock import FrozenClock
from testkit.queue_contract.rig import QueueRig, message, verdict
from testkit.rabbitmq_rig import rabbitmq_rig

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def rig(rabbitmq_url: str) -> AsyncIterator[QueueRig]:
    async with rabbitmq_rig(rabbitmq_url) as rig:
        yield rig


@pytest.mark.parametrize("name", ["forward", "retry", "defer"])
async def test_a_verdict_that_was_not_carried_out_is_not_left_with_who_gave_it(
    rig: QueueRig, name: str
) -> None:
    await rig.send("m")
    delivery = await rig.take()
    with armed("queue.after_decide:raise"), pytest.raises(FailpointTripped):
        await verdict(name, delivery)
    with pytest.raises(LeaseLost):  # what a worker does whose handler failed
        await delivery.release()

    await rig.lose_lease(delivery)

    assert await rig.left() == ["m"]


async def test_what_ended_does_not_begin_again_with_a_copy_that_was_put_before(
    rig: QueueRig,
) -> None:
    await rig.send("m")
    delivery = await rig.take()
    with armed("queue.after_put:raise"), pytest.raises(FailpointTripped):
        await delivery.retry(timedelta(seconds=1))
    await rig.lose_lease(delivery)
    again = await rig.take()
    await again.start()
    await again.ack()

    await rig.pass_time(timedelta(seconds=2))

    assert await rig.left() == []
    assert (await rig.changes("m"))[-1] is Change.DONE


async def test_giving_up_that_was_not_carried_out_is_carried_out_later(rig: QueueRig) -> None:
    await rig.send("m")
    delivery = await rig.take()
    with armed("queue.after_decide:raise"), pytest.raises(FailpointTripped):
        await delivery.dead_letter("no use")

    await rig.lose_lease(delivery)

    assert await rig.left() == []
    assert await rig.queue.replay("m") is ControlOutcome.DONE
    assert await rig.left() == ["m"]


async def test_what_was_cancelled_in_a_workers_hands_does_not_stay_in_them(
    rig: QueueRig,
) -> None:
    await rig.send("m")
    delivery: Any = await rig.take()
    await rig.queue.cancel("m")
    with pytest.raises(LeaseLost):
        await delivery.start()

    assert await rig.left() == []
    assert delivery.arrived.incoming.processed


async def test_a_send_that_another_under_its_key_did_not_wait_for_does_not_claim_to_count(
    rig: QueueRig,
) -> None:
    key = Dedupe(key="k", fingerprint="f")
    slow = asyncio.create_task(rig.queue.send(message("first", dedupe=key)))
    for _ in range(3):
        await asyncio.sleep(0)  # it has reserved its place, and waits for the broker
    assert isinstance(rig.now, FrozenClock)
    rig.now.advance(timedelta(hours=1))

    second = await rig.queue.send(message("second", dedupe=key))

    assert second == Enqueued("second")
    [first] = await asyncio.gather(slow, return_exceptions=True)
    assert first == Duplicate("second", "") or isinstance(first, QueueUnavailable)
    assert await rig.queue.send(message("first", dedupe=key)) == Duplicate("second", "")
    assert await rig.left() == ["second"]
