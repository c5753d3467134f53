import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from durable_queue import broker_guard as broker_module
from durable_queue.broker_guard import BrokerGuard
from durable_queue.port import Durability, QueueError, QueueUnavailable, UnsafeBroker

UNSAFE = Durability(profile="none", faults=("appendonly is no",))
SAFE = Durability(profile="everysec")


class Inspected:
    """A broker that answers what it is told to; None means that it can't be reached."""

    def __init__(self, durability: Durability | None) -> None:
        self.answer = durability
        self.looked_at = 0

    async def durability(self) -> Durability:
        self.looked_at += 1
        if self.answer is None:
            raise QueueUnavailable("refused")
        return self.answer

    async def ping(self) -> None:
        if self.answer is None:
            raise QueueUnavailable("refused")


async def test_a_safe_broker_is_looked_at_once_and_then_let_in() -> None:
    inspected = Inspected(SAFE)
    broker = BrokerGuard(inspected, allow_volatile=False)
    await broker.start()

    for _ in range(3):
        await broker.admit()

    assert inspected.looked_at == 1


async def test_an_unsafe_broker_keeps_the_service_from_starting() -> None:
    with pytest.raises(UnsafeBroker, match="appendonly is no"):
        await BrokerGuard(Inspected(UNSAFE), allow_volatile=False).start()


async def test_an_unsafe_broker_may_be_allowed() -> None:
    broker = BrokerGuard(Inspected(UNSAFE), allow_volatile=True)
    await broker.start()

    await broker.admit()

    assert await broker.check() == {"durability": "none", "faults": "appendonly is no"}


async def test_the_service_starts_without_its_broker_and_lets_nothing_in() -> None:
    broker = BrokerGuard(Inspected(None), allow_volatile=False)
    await broker.start()

    with pytest.raises(QueueUnavailable):
        await broker.admit()
    with pytest.raises(QueueUnavailable):
        await broker.check()


async def test_a_broker_that_comes_is_looked_at_before_anything_is_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_module, "LOOK_AGAIN_SECONDS", 0.0)
    inspected = Inspected(None)
    broker = BrokerGuard(inspected, allow_volatile=False)
    await broker.start()

    inspected.answer = UNSAFE
    with pytest.raises(UnsafeBroker):
        await broker.admit()
    inspected.answer = SAFE
    await broker.admit()


async def test_requests_do_not_wait_for_a_broker_that_was_just_found_missing() -> None:
    inspected = Inspected(None)
    broker = BrokerGuard(inspected, allow_volatile=False)
    await broker.start()

    for _ in range(10):
        with pytest.raises(QueueUnavailable):
            await broker.admit()

    assert inspected.looked_at == 1


async def test_a_broker_that_returns_with_other_settings_is_found_out() -> None:
    inspected = Inspected(SAFE)
    broker = BrokerGuard(inspected, allow_volatile=False)
    await broker.start()
    inspected.answer = UNSAFE

    broker.doubt()

    with pytest.raises(UnsafeBroker):
        await broker.admit()


async def test_after_a_probe_that_finds_the_broker_unsafe_nothing_is_accepted() -> None:
    inspected = Inspected(SAFE)
    broker = BrokerGuard(inspected, allow_volatile=False)
    await broker.start()
    inspected.answer = UNSAFE

    with pytest.raises(UnsafeBroker):
        await broker.check()
    with pytest.raises(UnsafeBroker):
        await broker.admit()


@pytest.fixture
async def watched() -> AsyncIterator[tuple[BrokerGuard, Inspected]]:
    inspected, stopping = Inspected(SAFE), asyncio.Event()
    often = timedelta(milliseconds=10)
    broker = BrokerGuard(inspected, allow_volatile=False, watch_every=often)
    await broker.start()
    watching = asyncio.create_task(broker.watch(stopping))
    yield broker, inspected
    stopping.set()
    await watching


async def refusal_of(broker: BrokerGuard) -> type[QueueError] | None:
    try:
        await broker.admit()
    except QueueError as error:
        return type(error)
    return None


async def test_a_broker_that_becomes_unsafe_is_found_out_before_anybody_asks(
    watched: tuple[BrokerGuard, Inspected],
) -> None:
    broker, inspected = watched
    inspected.answer = UNSAFE
    async with asyncio.timeout(60):
        while not await refusal_of(broker):
            await asyncio.sleep(0.01)

    inspected.answer = SAFE

    async with asyncio.timeout(60):
        while await refusal_of(broker):
            await asyncio.sleep(0.01)


async def test_a_watched_broker_that_was_away_is_safe_again_only_after_a_look(
    watched: tuple[BrokerGuard, Inspected],
) -> None:
    broker, inspected = watched
    inspected.answer = None
    async with asyncio.timeout(60):
        while not await refusal_of(broker):
            await asyncio.sleep(0.01)

    inspected.answer = UNSAFE

    seen: type[QueueError] | None = QueueUnavailable
    async with asyncio.timeout(60):
        while seen is QueueUnavailable:
            seen = await refusal_of(broker)
            await asyncio.sleep(0.01)
    assert seen is UnsafeBroker
