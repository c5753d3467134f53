"""Senders, workers and a claim store around queues on one RabbitMQ, for fault tests."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, Self, TypeVar

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from durable_queue.backoff import delays, end_tasks
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.port import (
    Change,
    ClaimEnded,
    Delivery,
    Message,
    QueueUnavailable,
    SendOutcome,
)
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.topology import Topology
from durable_queue.recorder import ChangeEvent

from testkit.rabbitmq_harness import delete_queues

LANE: Final = "stage.normal"
NEXT: Final = "next.normal"
ENDS: Final = frozenset({Change.DONE, Change.DEAD, Change.EXHAUSTED, Change.POISONED})
T = TypeVar("T")
_POLL: Final = timedelta(seconds=0.3)
_TIMEOUT_S: Final = 60.0


class RabbitWorkers:
    """Two stages of work, as in production; `fatal` messages make their worker vanish.

    All queues share one claim store, as processes share one claim server. `check` is the
    conservation of messages: whatever was accepted has ended, and was handled, for sure.
    """

    def __init__(
        self,
        url: str,
        *,
        direct_url: str | None = None,
        dead_letters_at_once: int = 20_000,
        call_timeout: timedelta = timedelta(seconds=1.5),
    ) -> None:
        self.direct_url = direct_url or url
        self.accepted: set[str] = set()
        self.handled: list[str] = []
        self.events: list[ChangeEvent] = []
        self.fatal: set[str] = set()
        # Who is silent for a while on a busy machine is not gone; a proxy can have it go.
        self._url = url if direct_url else f"{url}?heartbeat=60"
        self._claims = InMemoryClaimStore(ClaimStateMachine(), self.events.append)
        self._options = RabbitOptions(
            namespace=f"c{secrets.token_hex(4)}",
            lease=timedelta(seconds=2),
            max_deliveries=3,
            watch_every=min(call_timeout, timedelta(seconds=10)),
            dead_letters_at_once=dead_letters_at_once,
            call_timeout=call_timeout,
        )
        self.topology = Topology(self._options)
        self._queues: list[RabbitQueue] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: set[tuple[str, int]] = set()
        self.queue = self.another()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_tasks(*self._tasks, within_s=5)
        await asyncio.gather(*(queue.close() for queue in self._queues))
        await delete_queues(self.direct_url, self._options)

    def another(self) -> RabbitQueue:
        """Return a queue with connections of its own, as of another process."""
        queue = RabbitQueue(self._url, claims=self._claims, options=self._options)
        self._queues.append(queue)
        return queue

    async def forget(self) -> RabbitQueue:
        """Return a queue to which all that was known so far is unknown, as after a restart."""
        await asyncio.gather(*(queue.close() for queue in self._queues))
        self.events.clear()
        self._claims = InMemoryClaimStore(ClaimStateMachine(), self.events.append)
        return self.another()

    async def kill(self, *ids: str, note: bytes = b"") -> None:
        """Send messages, and give them up."""
        await self.send(*ids)
        left = len(ids)
        while left:
            found = await self.queue.receive([LANE], limit=100, wait=timedelta(seconds=60))
            await asyncio.gather(*(each.dead_letter("no use", note) for each in found))
            left -= len(found)

    async def send(self, *ids: str, body: bytes = b"hello", **rest: object) -> SendOutcome:
        """Send messages; return the last outcome."""
        for message_id in ids:
            message = Message(id=message_id, lane=LANE, body=body, **rest)  # type: ignore[arg-type]  # by name
            outcome = await self.queue.send(message)
            self.accepted.add(message_id)
        return outcome

    async def connect(self) -> None:
        """Return when the queue is connected, however long that takes; no lane is declared yet."""
        await until_available(self.queue.ping)

    async def insist(self, message_id: str) -> SendOutcome:
        """Send it until it is accepted, as a client would."""
        return await until_available(lambda: self.send(message_id))

    async def send_many(self, count: int, *, pause: float = 0.0) -> None:
        """Insist on so many messages."""
        for number in range(count):
            await self.insist(f"s{number}")
            await asyncio.sleep(pause)

    def work(self, workers: int, *, on: RabbitQueue | None = None) -> None:
        """Let workers go on until the end, and upkeep."""
        queue = on or self.queue
        self._tasks += [asyncio.create_task(self._work(queue)) for _ in range(workers)]
        self._tasks.append(asyncio.create_task(self._tick(queue)))

    def changes(self, message_id: str) -> list[Change]:
        """Return what was recorded of a message."""
        return [each.change for each in self.events if each.message_id == message_id]

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return when something has come true."""
        async with asyncio.timeout(_TIMEOUT_S):
            while not condition():
                await asyncio.sleep(0.02)
                for task in self._tasks:
                    if task.done():
                        task.result()  # raises what ended it

    async def finish(self) -> None:
        """Return when all that was accepted has ended."""
        await self.wait_for(lambda: not self._open())

    def check(self) -> None:
        """Raise AssertionError if a message was lost, or ended unhandled."""
        assert not self._open()
        unhandled = self.accepted - set(self.handled) - self.fatal
        assert not unhandled, f"ended, but never handled: {sorted(unhandled)}"
        repeated = {each for each in self.handled if self.handled.count(each) > 1}
        unexplained = {each for each in repeated if Change.LEASE_LOST not in self.changes(each)}
        assert not unexplained, f"handled twice for no reason: {sorted(unexplained)}"

    async def until_dead(self, count: int) -> None:
        """Return when there are so many dead letters in the broker; none is taken out."""
        async with await aio_pika.connect(self.direct_url) as connection:
            channel = await connection.channel()
            async with asyncio.timeout(_TIMEOUT_S):
                while True:
                    queue = await self.topology.declare_dead_queue(channel)
                    if (queue.declaration_result.message_count or 0) >= count:
                        return
                    await asyncio.sleep(0.02)

    async def dead_letters(self, *, at_least: int = 0) -> dict[str, bytes]:
        """Return the dead letters in the broker, by id, once there are so many."""
        async with await aio_pika.connect(self.direct_url) as connection:
            channel = await connection.channel()
            queue = await self.topology.declare_dead_queue(channel)
            letters = [await next_in(queue) for _ in range(at_least)]
            while (letter := await queue.get(fail=False)) is not None:
                letters.append(letter)
            await channel.close()
        return {str(letter.headers["x-an-event"]): letter.body for letter in letters}

    def _open(self) -> set[str]:
        ended = {each.message_id for each in self.events if each.change in ENDS}
        return self.accepted - ended

    async def _work(self, queue: RabbitQueue) -> None:
        while True:
            try:
                found = await queue.receive([NEXT, LANE], limit=4, wait=_POLL)
                await self._handle_all(found)
            except QueueUnavailable:
                await asyncio.sleep(0.1)

    async def _handle_all(self, found: Sequence[Delivery]) -> None:
        for delivery in found:
            if delivery.id in self.fatal:
                continue  # nobody ever hears of it again
            with suppress(ClaimEnded):
                await self._insist_on(delivery)

    async def _insist_on(self, delivery: Delivery) -> None:
        for delay_s in delays():
            try:
                return await self._handle(delivery)
            except QueueUnavailable:
                await asyncio.sleep(delay_s)
        return None

    async def _handle(self, delivery: Delivery) -> None:
        if delivery.lane == LANE and delivery.id.startswith("s"):
            await delivery.forward(NEXT)
            return
        await delivery.start()
        if (delivery.id, id(delivery)) not in self._seen:
            self._seen.add((delivery.id, id(delivery)))
            self.handled.append(delivery.id)
        await delivery.ack()

    async def _tick(self, queue: RabbitQueue) -> None:
        while True:
            with suppress(QueueUnavailable):
                await queue.tick([LANE, NEXT])
            await asyncio.sleep(0.2)


async def next_in(queue: AbstractQueue) -> AbstractIncomingMessage:
    """Return what is next in a queue; what somebody else put back may yet have to arrive there."""
    async with asyncio.timeout(_TIMEOUT_S):
        while (found := await queue.get(fail=False)) is None:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
    return found


async def until_available(call: Callable[[], Awaitable[T]]) -> T:
    """Ask until the broker answers, as clients do: on a busy machine it may take its time."""
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            try:
                return await call()
            except QueueUnavailable:
                await asyncio.sleep(0.1)
