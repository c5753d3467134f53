"""What this process still has in its hands when a verdict, or a worker's claim, came to nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
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
    OnAmbiguous,
    QueueUnavailable,
)
from service_kit.failpoints import FailpointTripped, armed
from testkit.clock import FrozenClock
from testkit.queue_contract.harness import QueueHarness, message, verdict
from testkit.rabbitmq_harness import rabbitmq_harness

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def harness(rabbitmq_url: str) -> AsyncIterator[QueueHarness]:
    async with rabbitmq_harness(rabbitmq_url) as harness:
        yield harness


@pytest.mark.parametrize("name", ["forward", "retry", "defer"])
async def test_a_verdict_that_was_not_carried_out_is_not_left_with_who_gave_it(
    harness: QueueHarness, name: str
) -> None:
    await harness.send("m")
    delivery = await harness.take()
    with armed("queue.after_decide:raise"), pytest.raises(FailpointTripped):
        await verdict(name, delivery)
    with pytest.raises(LeaseLost):  # what a worker does whose handler failed
        await delivery.release()

    await harness.lose_lease(delivery)

    assert await harness.left() == ["m"]


async def test_what_waits_for_a_later_try_is_not_tried_in_the_moments_before_it_expires(
    harness: QueueHarness,
) -> None:
    await harness.queue.send(message("m", expires_at=harness.now() + harness.moment))
    await (await harness.take()).retry(100 * harness.moment)

    await harness.pass_time(harness.moment - timedelta(milliseconds=10))
    assert await harness.left() == []
    await harness.pass_time(timedelta(milliseconds=10))
    assert await harness.left() == []
    assert (await harness.changes("m"))[-1] == Change.EXPIRED


async def test_what_ended_does_not_begin_again_with_a_copy_that_was_put_before(
    harness: QueueHarness,
) -> None:
    await harness.send("m")
    delivery = await harness.take()
    with armed("queue.after_put:raise"), pytest.raises(FailpointTripped):
        await delivery.retry(timedelta(seconds=1))
    await harness.lose_lease(delivery)
    again = await harness.take()
    await again.start()
    await again.ack()

    await harness.pass_time(timedelta(seconds=2))

    assert await harness.left() == []
    assert (await harness.changes("m"))[-1] is Change.DONE


async def test_giving_up_that_was_not_carried_out_is_carried_out_later(
    harness: QueueHarness,
) -> None:
    await harness.send("m")
    delivery = await harness.take()
    with armed("queue.after_decide:raise"), pytest.raises(FailpointTripped):
        await delivery.dead_letter("no use")

    await harness.lose_lease(delivery)

    assert await harness.left() == []
    assert await harness.queue.replay("m") is ControlOutcome.DONE
    assert await harness.left() == ["m"]


async def test_a_message_that_is_given_up_half_way_is_given_up_once(harness: QueueHarness) -> None:
    await harness.send("m")
    delivery = await harness.take()
    await delivery.start(on_ambiguous=OnAmbiguous.HOLD)
    with armed("queue.after_decide:raise"), suppress(FailpointTripped):
        await harness.lose_lease(delivery)

    await harness.pass_time(timedelta(minutes=2))

    assert await harness.left() == []
    assert (await harness.changes("m")).count(Change.AMBIGUOUS) == 1
    assert await harness.queue.replay("m") is ControlOutcome.DONE


async def test_what_was_cancelled_in_flight_does_not_stay_in_flight(
    harness: QueueHarness,
) -> None:
    await harness.send("m")
    delivery: Any = await harness.take()
    await harness.queue.cancel("m")
    with pytest.raises(LeaseLost):
        await delivery.start()

    assert await harness.left() == []
    assert delivery.copy.incoming.is_returned


async def test_a_send_that_another_under_its_key_did_not_wait_for_does_not_claim_to_count(
    harness: QueueHarness,
) -> None:
    key = Dedupe(key="k", fingerprint="f")
    slow = asyncio.create_task(harness.queue.send(message("first", dedupe=key)))
    for _ in range(3):
        await asyncio.sleep(0)  # it has reserved its place, and waits for the broker
    assert isinstance(harness.now, FrozenClock)
    harness.now.advance(timedelta(hours=1))

    second = await harness.queue.send(message("second", dedupe=key))

    assert second == Enqueued("second")
    [first] = await asyncio.gather(slow, return_exceptions=True)
    assert first == Duplicate("second", "") or isinstance(first, QueueUnavailable)
    assert await harness.queue.send(message("first", dedupe=key)) == Duplicate("second", "")
    assert await harness.left() == ["second"]
