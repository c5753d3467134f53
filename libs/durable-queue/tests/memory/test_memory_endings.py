from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import (
    Change,
    ControlOutcome,
    Delivery,
    Duplicate,
    Enqueued,
    LeaseLost,
    Message,
    MessageExpired,
    OnAmbiguous,
)
from durable_queue.recorder import ChangeEvent
from testkit.clock import FrozenClock

LANES = ("high", "low")
NOW = timedelta(0)
LEASE = timedelta(seconds=60)


Take = Callable[[], Awaitable[Delivery]]


async def test_same_verdict_twice_is_one_and_another_one_is_refused(
    queue: InMemoryQueue, take: Take, changes: list[ChangeEvent]
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    delivery = await take()

    await delivery.ack()
    await delivery.ack()

    assert [change.change for change in changes] == [Change.ENQUEUED, Change.DONE]
    with pytest.raises(LeaseLost):
        await delivery.retry(NOW)


async def test_message_that_kills_its_workers_ends_as_poison_with_its_bytes(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    await queue.send(Message(id="1", lane="low", body=b"toxic"))
    for _ in range(9):
        await take()
        clock.advance(LEASE)
        assert (await queue.tick(LANES)).leases_expired == 1
    await take()
    clock.advance(LEASE)

    assert (await queue.tick(LANES)).died == 1

    assert queue.error_of("1") == "poison: 10 deliveries without an outcome"
    await queue.replay("1")
    assert (await take()).body == b"toxic"


async def test_silence_after_start_is_ambiguous_if_the_message_must_not_be_repeated(
    queue: InMemoryQueue, clock: FrozenClock, take: Take, changes: list[ChangeEvent]
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    await (await take()).start(on_ambiguous=OnAmbiguous.HOLD)
    clock.advance(LEASE)

    assert (await queue.tick(LANES)).died == 1

    assert changes[-1].change is Change.AMBIGUOUS
    assert await queue.receive(LANES, limit=1, wait=NOW) == []


async def test_expired_message_is_not_started_and_stays_so(
    queue: InMemoryQueue, clock: FrozenClock, take: Take, changes: list[ChangeEvent]
) -> None:
    expires_at = clock() + timedelta(seconds=10)
    await queue.send(Message(id="1", lane="low", body=b"", expires_at=expires_at))
    delivery = await take()
    clock.advance(timedelta(seconds=10))

    for _ in range(2):
        with pytest.raises(MessageExpired):
            await delivery.start()

    assert [change.change for change in changes] == [Change.ENQUEUED, Change.EXPIRED]


async def test_delayed_message_ends_when_it_expires_not_when_it_is_due(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    expires_at = clock() + timedelta(seconds=10)
    await queue.send(Message(id="1", lane="low", body=b"", expires_at=expires_at))
    await (await take()).retry(timedelta(hours=1))
    clock.advance(timedelta(seconds=10))

    assert (await queue.tick(LANES)).expired == 1


async def test_ended_message_is_forgotten_after_the_retention_and_not_before(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    message = Message(id="1", lane="low", body=b"")
    await queue.send(message)
    await (await take()).ack()

    clock.advance(timedelta(days=29))
    await queue.tick(LANES)
    assert await queue.send(message) == Duplicate("1", "")
    clock.advance(timedelta(days=2))
    await queue.tick(LANES)
    assert await queue.send(message) == Enqueued("1")


async def test_dead_letter_is_never_forgotten(
    queue: InMemoryQueue, clock: FrozenClock, take: Take
) -> None:
    await queue.send(Message(id="1", lane="low", body=b""))
    await (await take()).dead_letter("no such address")

    clock.advance(timedelta(days=3650))
    await queue.tick(LANES)

    assert queue.error_of("1") == "no such address"
    assert await queue.replay("1") is ControlOutcome.DONE
