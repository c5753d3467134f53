import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.messages import REPEATABLE_FOR
from durable_queue.port import (
    Change,
    Conflict,
    Dedupe,
    Delivery,
    Duplicate,
    Enqueued,
    LeaseLost,
    Message,
    QueueFull,
    QueueUnavailable,
    TickReport,
)
from durable_queue.recorder import ChangeEvent
from testkit.clock import FrozenClock

LANES = ("high", "low")
NOW = timedelta(0)
LEASE = timedelta(seconds=60)


Take = Callable[[], Awaitable[Delivery]]


async def test_messages_come_in_the_order_of_lanes_and_then_of_sending(
    queue: InMemoryQueue,
) -> None:
    for number, lane in enumerate(("low", "high", "low", "high")):
        await queue.send(Message(id=str(number), lane=lane, body=b""))

    received = await queue.receive(LANES, limit=10, wait=NOW)

    assert [delivery.id for delivery in received] == ["1", "3", "0", "2"]


async def test_later_lane_gets_its_turn_while_earlier_ones_never_run_dry(
    queue: InMemoryQueue, take: Take
) -> None:
    await queue.send(Message(id="low", lane="low", body=b""))
    for number in range(20):
        await queue.send(Message(id=str(number), lane="high", body=b""))

    received = [(await take()).id for _ in range(10)]

    assert "low" in received


async def test_waiting_receiver_is_woken_by_a_send(queue: InMemoryQueue) -> None:
    receiving = asyncio.create_task(queue.receive(LANES, limit=1, wait=timedelta(seconds=20)))
    await asyncio.sleep(0)

    await queue.send(Message(id="1", lane="low", body=b"x"))

    async with asyncio.timeout(60):
        (delivery,) = await receiving
    assert delivery.body == b"x"


async def test_receive_gives_up_after_its_wait(queue: InMemoryQueue) -> None:
    assert await queue.receive(LANES, limit=1, wait=timedelta(milliseconds=10)) == []


async def test_scheduled_message_waits_until_it_is_due(
    queue: InMemoryQueue, clock: FrozenClock, take: Take, changes: list[ChangeEvent]
) -> None:
    due_at = clock() + timedelta(hours=1)
    await queue.send(Message(id="1", lane="low", body=b"x", due_at=due_at))

    assert await queue.tick(LANES) == TickReport()
    clock.advance(timedelta(hours=1))
    assert (await queue.tick(LANES)).promoted == 1

    assert (await take()).id == "1"
    assert [(change.change, change.due_at) for change in changes] == [
        (Change.SCHEDULED, due_at),
        (Change.PROMOTED, None),
    ]


async def test_silent_workers_message_comes_back_first_after_its_lease(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    for name in ("1", "2", "3"):
        await queue.send(Message(id=name, lane="low", body=b""))
    await queue.receive(LANES, limit=2, wait=NOW)
    clock.advance(LEASE)

    report = await queue.tick(LANES)

    assert report.leases_expired == 2
    assert [(await take()).id for _ in range(3)] == ["1", "2", "3"]


async def test_renewed_lease_lasts_longer_and_an_old_one_is_told_to_be_over(
    queue: InMemoryQueue, clock: FrozenClock
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    await queue.send(Message(id="2", lane="low", body=b""))
    kept, dropped = await queue.receive(LANES, limit=2, wait=NOW)
    clock.advance(LEASE / 2)
    await queue.renew([kept])
    clock.advance(LEASE / 2)
    await queue.tick(LANES)

    assert await queue.renew([kept, dropped]) == [dropped]


async def test_old_claim_can_not_settle_what_another_worker_holds(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    old = await take()
    clock.advance(LEASE)
    await queue.tick(LANES)
    new = await take()

    with pytest.raises(LeaseLost):
        await old.ack()

    await new.ack()


async def test_dedupe_key_is_free_again_after_its_time(
    queue: InMemoryQueue, clock: FrozenClock
) -> None:
    dedupe = Dedupe(key="k", fingerprint="f", answer="a")
    other = Dedupe(key="k", fingerprint="g")
    await queue.send(Message(id="1", lane="low", body=b"", dedupe=dedupe))

    again = await queue.send(Message(id="2", lane="low", body=b"", dedupe=dedupe))
    conflict = await queue.send(Message(id="2", lane="low", body=b"", dedupe=other))
    clock.advance(REPEATABLE_FOR)
    later = await queue.send(Message(id="2", lane="low", body=b"", dedupe=other))

    assert (again, conflict, later) == (Duplicate("1", "a"), Conflict("1"), Enqueued("2"))


async def test_full_lane_refuses_and_another_lane_does_not(queue: InMemoryQueue) -> None:
    for number in range(50):
        await queue.send(Message(id=str(number), lane="low", body=b""))

    with pytest.raises(QueueFull):
        await queue.send(Message(id="one too many", lane="low", body=b""))

    assert await queue.send(Message(id="x", lane="high", body=b"")) == Enqueued("x")


async def test_depths_count_each_state_and_tell_the_longest_wait(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    for name in ("1", "2", "3", "4"):
        await queue.send(Message(id=name, lane="low", body=b""))
    await (await take()).retry(timedelta(hours=1))
    await take()
    clock.advance(timedelta(seconds=7))

    depth = (await queue.depths(LANES))["low"]

    assert (depth.waiting, depth.leased, depth.delayed) == (2, 1, 1)
    assert depth.oldest_waiting == timedelta(seconds=7)


async def test_recorder_that_must_be_awaited_is_part_of_the_same_step(clock: FrozenClock) -> None:
    written: list[Change] = []

    async def write(recorded: ChangeEvent) -> None:
        await asyncio.sleep(0.005)
        written.append(recorded.change)

    queue = InMemoryQueue(now=clock, steady=clock.steady, recorder=write)
    sending = asyncio.create_task(queue.send(Message(id="1", lane="low", body=b"")))
    await asyncio.sleep(0)

    (delivery,) = await queue.receive(LANES, limit=1, wait=timedelta(seconds=30))

    assert written == [Change.ENQUEUED]
    await sending
    await delivery.ack()
    assert written == [Change.ENQUEUED, Change.DONE]


async def test_queue_that_is_down_refuses_everything_and_forgets_nothing(
    queue: InMemoryQueue, take: Take
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    delivery = await take()
    queue.is_down = True

    for call in (
        queue.ping(),
        queue.tick(LANES),
        queue.receive(LANES, limit=1, wait=NOW),
        queue.send(Message(id="2", lane="low", body=b"")),
        delivery.ack(),
    ):
        with pytest.raises(QueueUnavailable):
            await call

    queue.is_down = False
    await delivery.ack()


async def test_it_says_that_it_keeps_nothing(queue: InMemoryQueue) -> None:
    durability = await queue.durability()

    assert durability.profile == "memory"
    assert durability.faults
