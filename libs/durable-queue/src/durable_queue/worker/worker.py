"""The loop that receives messages and starts their handlers."""

import asyncio
import time
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry
from service_kit.logs import get_logger

from durable_queue.backoff import Outage, end_tasks, is_being_cancelled
from durable_queue.metrics import QueueMetrics
from durable_queue.port import Delivery, MessageQueue, QueueUnavailable
from durable_queue.worker.handling import HandleClaim
from durable_queue.worker.in_flight import LONGEST_END_S, InFlight, InFlightQueue
from durable_queue.worker.isolation import Isolation
from durable_queue.worker.tracked_delivery import TrackedDelivery

log = get_logger(__name__)

BATCH: Final = 128
"""The most messages asked for at once."""

GIVE_WAY_S: Final = 0.1
"""How long a worker rests before a claim, for those to which its messages go on to keep up."""

SLOW_FOR_S: Final = 1.0
"""For how long nobody rests for a worker that did next to nothing meanwhile."""

LEAVE_AGAIN: Final = timedelta(seconds=5)
"""How often a worker that is paused sees to it that its lanes are left."""

POLL: Final = timedelta(seconds=15)
"""How long the queue may wait for messages before it answers."""


class WorkQueue(MessageQueue, InFlightQueue, Protocol):
    """What a worker asks of a queue.

    `receive` may be cancelled: what it found by then is handed back, or its leases run out.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """How a worker is doing. Its queue isn't asked for more while it has no free slot."""

    in_flight: int
    concurrency: int
    handled: int
    last_poll_age: timedelta
    is_paused: bool = False


class Worker:
    """Runs `handle` for each claim of messages of its lanes, up to `concurrency` messages at once.

    The handler settles each, or lets it go on in a task of its own; calls that the broker doesn't
    answer are repeated until the lease ends, so a handler need not catch `QueueUnavailable`, nor
    `ClaimEnded`. If it raises, it gets the messages again one by one, if there were several. One at
    which it raises, or that is left without a verdict, is released for 5 s if it isn't started; a
    started one is left to its lease, and the queue does what its sender wanted for a worker that
    went silent.

    A message with which workers fell silent before is handled while nothing else is in flight in
    the workers that share a `isolation`, as all of one process should.

    When a claim ends early, as by a cancellation, its task is cancelled unless it has started.
    What another worker of the process hands over to it is as if it had received it. A worker gives
    way for a moment to those `onward`, to which its messages go on, while they have enough to do;
    not to one that waits for slow effects: no lane delays another.
    `lease` must be the queue's. A worker may run once at a time. One that `is_paused` receives
    nothing until it is resumed; what it has in flight goes on.
    """

    def __init__(  # noqa: PLR0913 - one piece of wiring, all by keyword
        self,
        queue: WorkQueue,
        lanes: Sequence[str],
        handle: HandleClaim,
        *,
        name: str,
        concurrency: int,
        lease: timedelta = timedelta(seconds=60),
        grace: timedelta = timedelta(seconds=20),
        metrics: QueueMetrics | None = None,
        isolation: Isolation | None = None,
        is_paused: bool = False,
        onward: Collection["Worker"] = (),
    ) -> None:
        self._queue = queue
        self._onward = onward
        self._is_behind = False
        self._slow_until = 0.0
        self._lanes = lanes
        self._name = name
        self._grace_s = grace.total_seconds()
        self._outage = Outage(f"{name}: receive")
        self._polled_at = time.monotonic()
        self._receiver: asyncio.Task[None] | None = None
        self._resumed = asyncio.Event()
        if not is_paused:
            self._resumed.set()
        metrics = metrics or QueueMetrics(CollectorRegistry())
        self._isolation = isolation or Isolation()
        self._in_flight = InFlight(
            queue,
            handle,
            worker=name,
            concurrency=concurrency,
            lease=lease,
            metrics=metrics,
            isolation=self._isolation,
        )
        metrics.watch(name, in_flight=self._count_in_flight, last_poll_age=self._poll_age_s)

    def stats(self) -> WorkerStats:
        """Return how it is doing, for health checks."""
        return WorkerStats(
            in_flight=self._in_flight.in_flight,
            concurrency=self._in_flight.concurrency,
            handled=self._in_flight.handled,
            last_poll_age=timedelta(seconds=self._poll_age_s()),
            is_paused=self.is_paused,
        )

    @property
    def is_paused(self) -> bool:
        """Whether it receives nothing until it is resumed."""
        return not self._resumed.is_set()

    def pause(self) -> None:
        """Receive nothing more; hand back what is being received, go on with what is in flight."""
        self._resumed.clear()
        if self._receiver is not None:
            self._isolation.call_off(self._receiver)

    def resume(self) -> None:
        """Receive again."""
        if self.is_paused:
            self._polled_at = time.monotonic()
            self._resumed.set()

    @property
    def room(self) -> int:
        """How many messages of another worker it would take over now."""
        return 0 if self._is_behind or not self._is_open else self._in_flight.free_slots

    def fall_behind(self) -> None:
        """Note that messages had to go to its lanes: they come first, until it has seen them all.

        Nothing falls behind that is not being worked on.
        """
        self._is_behind = self._is_open

    @property
    def _is_open(self) -> bool:
        return self._in_flight.is_open and not self.is_paused and not self._isolation.is_on

    @property
    def _has_enough(self) -> bool:
        return self._is_open and self.room < self._in_flight.concurrency // 2

    @property
    def _is_busy(self) -> bool:
        return self._has_enough and not self._in_flight.is_waiting

    def take_over(self, held: TrackedDelivery, work: Coroutine[Any, Any, None]) -> None:
        """Let a message go on here, if there is `room` for it."""
        self._in_flight.take_over(held, work)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then finish what is in flight, within the grace.

        Nothing is received after that. Of what is still in flight shortly before the grace is over,
        unstarted messages are handed back, and started ones are left to their leases.
        """
        self._polled_at = time.monotonic()
        receiver = self._receiver = asyncio.create_task(self._receive_for_ever())
        renewer = asyncio.create_task(self._in_flight.leases.renew_for_ever())
        stop = asyncio.create_task(_until(stopping))
        self._in_flight.is_open = True
        try:
            await asyncio.wait({receiver, renewer, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.is_set():
                # Whoever runs us runs us again; what is in flight is still finished in order.
                log.error("worker.loop_ended", worker=self._name)
            self._in_flight.is_open = False
            receiver.cancel()
            await self._in_flight.finish(self._grace_s)
        finally:
            self._in_flight.is_open = False
            last_moments_s = min(self._grace_s * 0.1, LONGEST_END_S)
            await end_tasks(receiver, renewer, stop, within_s=last_moments_s)
            await self._in_flight.drop(last_moments_s)

    def _count_in_flight(self) -> int:
        return self._in_flight.in_flight

    def _poll_age_s(self) -> float:
        return 0.0 if self.is_paused else time.monotonic() - self._polled_at

    async def _receive_for_ever(self) -> None:
        while True:
            if self.is_paused:
                await self._rest()
            await self._isolation.until_open()
            if self.is_paused:
                continue
            await self._give_way()
            if self._in_flight.free_slots > 0:
                self._in_flight.add(await self._poll())
            else:
                await self._in_flight.wait_for_slot()

    async def _rest(self) -> None:
        # Again and again: a connection that is made anew meanwhile may consume the lanes again.
        try:
            await self._queue.leave(self._lanes)
        except QueueUnavailable as error:
            self._outage.failed(error)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_AGAIN.total_seconds()):
                await self._resumed.wait()

    async def _give_way(self) -> None:
        for worker in self._onward:
            if worker._is_busy:  # noqa: SLF001 - the same class
                await worker._until_less_busy()  # noqa: SLF001

    async def _until_less_busy(self) -> None:
        in_flight, now = self._in_flight, time.monotonic()
        if now < self._slow_until:
            return
        before = in_flight.handled
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVE_WAY_S):
                while self._is_busy:
                    await in_flight.wait_for_slot()
                return
        if in_flight.handled - before < in_flight.concurrency // 4:
            self._slow_until = now + SLOW_FOR_S

    async def _poll(self) -> Sequence[Delivery]:
        # Not that of one with little room, which may be slow: the others' claims stay large.
        rooms = (each.room for each in self._onward if not each._has_enough)  # noqa: SLF001
        limit = min(self._in_flight.free_slots, BATCH, *filter(None, rooms))
        try:
            receiving = self._queue.receive(self._lanes, limit=limit, wait=POLL)
            received = await self._isolation.poll(receiving)
        except QueueUnavailable as error:
            await asyncio.sleep(self._outage.failed(error))
            return ()
        except (Exception, asyncio.CancelledError) as error:
            if is_being_cancelled():
                raise
            # No bug may end the loop.
            log.error("worker.receive_failed", worker=self._name, exc_info=True)
            await asyncio.sleep(self._outage.failed(error))
            return ()
        self._polled_at = time.monotonic()
        if received is None:
            return ()
        if len(received) < limit:
            self._is_behind = False
            self._in_flight.freed()
        self._outage.over()
        return received


async def _until(stopping: asyncio.Event) -> None:
    await stopping.wait()
