"""What was advanced has only its old copy in the broker; its claim says in which lane it is."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import Operation, Reply
from durable_queue.port import (
    Advance,
    Change,
    ControlOutcome,
    Delivery,
    Message,
    OnAmbiguous,
    QueueError,
    QueueUnavailable,
    Start,
)
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.recorder import ChangeEvent
from testkit.clock import FrozenClock
from testkit.rabbitmq_harness import delete_queues
from testkit.rabbitmq_workers import LANE, NEXT, RabbitWorkers

pytestmark = pytest.mark.rabbitmq

SOON = timedelta(seconds=60)
AT_ONCE = timedelta(0)


@pytest.fixture
async def workers(rabbitmq_url: str) -> AsyncIterator[RabbitWorkers]:
    async with RabbitWorkers(rabbitmq_url, call_timeout=SOON) as workers:
        yield workers


Open = Callable[..., RabbitQueue]


@pytest.fixture
async def open_queue(rabbitmq_url: str) -> AsyncIterator[Open]:
    """Open a queue with options and a store of its own; it is closed at the end."""
    opened: list[tuple[RabbitQueue, RabbitOptions]] = []

    def open_one(prefetch: int = 128, **rest: Any) -> RabbitQueue:
        namespace = f"a{secrets.token_hex(4)}"
        options = RabbitOptions(namespace=namespace, prefetch=prefetch, call_timeout=SOON)
        opened.append((RabbitQueue(rabbitmq_url, options=options, **rest), options))
        return opened[-1][0]

    yield open_one
    for queue, options in opened:
        await queue.close()
        await delete_queues(rabbitmq_url, options)


async def advanced(queue: RabbitQueue, on_ambiguous: OnAmbiguous) -> Delivery:
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)
    onward = Advance(NEXT, b"", Start(b"", on_ambiguous, "far"))
    [outcome] = await queue.advance_all([(delivery, onward)])
    return cast(Delivery, outcome)


async def test_one_whose_worker_died_comes_again_in_the_lane_where_it_was(
    workers: RabbitWorkers,
) -> None:
    await workers.send("m", max_attempts=5)
    [delivery] = await workers.queue.receive([LANE], limit=1, wait=SOON)
    await delivery.retry(AT_ONCE)
    await advanced(workers.queue, OnAmbiguous.RESEND)
    await workers.queue.close()
    next_one = workers.another()

    found: Sequence[Delivery] = ()
    async with asyncio.timeout(60):
        while not found:
            assert await next_one.receive([LANE], limit=1, wait=AT_ONCE) == []
            found = await next_one.receive([NEXT], limit=1, wait=timedelta(seconds=1))

    [again] = found
    assert (again.id, again.lane, again.attempt, again.max_attempts) == ("m", NEXT, 1, 5)
    assert again.progress == "far"
    await again.ack()
    story = workers.changes("m")[2:]
    assert story == [Change.FORWARDED, Change.STARTED, Change.LEASE_LOST, Change.DONE]


async def test_one_that_is_not_to_be_repeated_dies_in_the_lane_where_it_was(
    workers: RabbitWorkers,
) -> None:
    await workers.send("m")
    await advanced(workers.queue, OnAmbiguous.HOLD)
    await workers.queue.close()
    next_one = workers.another()

    async with asyncio.timeout(60):
        while Change.AMBIGUOUS not in workers.changes("m"):
            assert await next_one.receive([LANE, NEXT], limit=1, wait=AT_ONCE) == []
            await asyncio.sleep(0.05)

    async with asyncio.timeout(60):
        while await next_one.replay("m") is not ControlOutcome.DONE:
            await asyncio.sleep(0.05)
    [again] = await next_one.receive([NEXT], limit=1, wait=SOON)
    await again.ack()


async def test_none_goes_before_those_that_wait_here(workers: RabbitWorkers) -> None:
    queue = workers.queue
    assert await queue.receive([NEXT], limit=1, wait=AT_ONCE) == []
    await queue.send(Message(id="before", lane=NEXT, body=b""))
    await workers.send("m")
    async with asyncio.timeout(60):
        while not (await queue.depths([NEXT]))[NEXT].oldest_waiting:
            await asyncio.sleep(0.01)
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)

    assert list(await queue.advance_all([(delivery, Advance(NEXT, b"", Start()))])) == [None]

    found: list[str] = []
    while len(found) < 2:
        found += [each.id for each in await queue.receive([NEXT], limit=2, wait=SOON)]
    assert found == ["before", "m"]


async def test_those_in_another_lane_leave_room_for_the_rest(open_queue: Open) -> None:
    queue = open_queue(prefetch=4)
    for number in range(5):
        await queue.send(Message(id=f"m{number}", lane=LANE, body=b""))
    held: list[Delivery] = []
    while len(held) < 4:
        held += await queue.receive([LANE], limit=4 - len(held), wait=SOON)

    outcomes = await queue.advance_all([(each, Advance(NEXT, b"", Start())) for each in held])

    assert [each is None for each in outcomes] == [False, False, True, True]
    [last] = await queue.receive([LANE], limit=4, wait=SOON)
    assert last.id == "m4"
    for _ in range(2):
        [forwarded] = await queue.receive([NEXT], limit=1, wait=SOON)
        await forwarded.ack()
    await held[0].ack()
    assert list(await queue.advance_all([(last, Advance(NEXT, b"", Start()))])) == [last]


class LossyStore(InMemoryClaimStore):
    """Does what it is asked, but the first reply to an operation does not arrive."""

    loses = "decide"

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        replies = await super().run_many(operations)
        if operations and operations[0].name == self.loses:
            self.loses = ""
            return [QueueUnavailable("the reply is lost")] * len(operations)
        return replies


async def test_one_of_which_it_is_unknown_whether_it_was_forwarded_is_not_advanced(
    open_queue: Open,
) -> None:
    queue = open_queue(claims=LossyStore(ClaimStateMachine()))
    assert await queue.receive([NEXT], limit=1, wait=AT_ONCE) == []
    await queue.send(Message(id="before", lane=NEXT, body=b""))
    await queue.send(Message(id="m", lane=LANE, body=b""))
    async with asyncio.timeout(60):
        while not (await queue.depths([NEXT]))[NEXT].oldest_waiting:
            await asyncio.sleep(0.01)
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)
    advances = [(delivery, Advance(NEXT, b"", Start()))]
    [unknown] = await queue.advance_all(advances)
    assert isinstance(unknown, QueueUnavailable)
    [before] = await queue.receive([NEXT], limit=1, wait=SOON)

    assert list(await queue.advance_all(advances)) == [None]

    [again] = await queue.receive([NEXT], limit=1, wait=SOON)
    assert (before.id, again.id) == ("before", "m")


async def test_one_of_which_it_is_unknown_whether_it_was_advanced_is_lost_where_its_claim_is(
    open_queue: Open,
) -> None:
    clock, events = FrozenClock(), list[ChangeEvent]()
    store = LossyStore(ClaimStateMachine(), events.append)
    store.loses = "advance"
    queue = open_queue(claims=store, steady=clock.steady)
    await queue.send(Message(id="m", lane=LANE, body=b""))
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)
    [unknown] = await queue.advance_all([(delivery, Advance(NEXT, b"", Start()))])
    assert isinstance(unknown, QueueUnavailable)

    clock.advance(timedelta(hours=1))
    assert (await queue.tick([LANE])).leases_expired == 1

    [again] = await queue.receive([LANE, NEXT], limit=1, wait=SOON)
    lost = [each.lane for each in events if each.change is Change.LEASE_LOST]
    assert (again.id, again.lane, lost) == ("m", NEXT, [NEXT])


class StuckStore(InMemoryClaimStore):
    """Answers no renewal while it is stuck."""

    is_stuck = False

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        if self.is_stuck and operations and operations[0].name == "renew":
            return [QueueUnavailable("stuck")] * len(operations)
        return await super().run_many(operations)


async def test_what_a_living_worker_could_not_renew_is_not_taken_from_it(open_queue: Open) -> None:
    clock = FrozenClock()
    store = StuckStore(ClaimStateMachine())
    queue = open_queue(claims=store, steady=clock.steady)
    await queue.send(Message(id="m", lane=LANE, body=b""))
    [delivery] = await queue.receive([LANE], limit=1, wait=SOON)

    store.is_stuck = True
    for _ in range(3):
        clock.advance(timedelta(seconds=50))
        with pytest.raises(QueueUnavailable):
            await queue.renew([delivery])
        assert (await queue.tick([LANE])).leases_expired == 0
    store.is_stuck = False

    await delivery.ack()
