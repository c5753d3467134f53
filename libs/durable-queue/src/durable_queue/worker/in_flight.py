"""The messages that a worker is at: one task for each, their leases, and what becomes of them."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger
from structlog.typing import FilteringBoundLogger

from durable_queue.backoff import Outage, end_tasks, is_being_cancelled
from durable_queue.metrics import QueueMetrics
from durable_queue.port import (
    ClaimEnded,
    Delivery,
    LeaseRenewal,
    MessageExpired,
    QueueError,
    QueueUnavailable,
)
from durable_queue.worker.isolation import Isolation
from durable_queue.worker.tracked_delivery import TrackedDelivery

log = get_logger(__name__)

Handle = Callable[[Delivery], Awaitable[None]]

RELEASE_AFTER_FAILURE: Final = timedelta(seconds=5)
"""How long a message rests after its handler failed in a way that it didn't foresee."""


LONGEST_END_S: Final = 1.5
"""How long those that are dropped may take to end, and those that are handed back to arrive."""


class NoVerdict(Exception):
    """Raised when a handler ended without an error and without having settled its message."""


class InFlight:
    """Up to `concurrency` messages at a time."""

    def __init__(
        self,
        renewal: LeaseRenewal,
        handle: Handle,
        *,
        worker: str,
        concurrency: int,
        lease: timedelta,
        metrics: QueueMetrics,
        isolation: Isolation,
    ) -> None:
        self.concurrency = concurrency
        self.handled = 0
        self._renewal = renewal
        self._handle = handle
        self._worker = worker
        self._lease_s = lease.total_seconds()
        self._metrics = metrics
        self._isolation = isolation
        self._tasks: dict[asyncio.Task[None], TrackedDelivery] = {}
        self._freed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many messages are in flight."""
        return len(self._tasks)

    @property
    def free_slots(self) -> int:
        """How many more could be."""
        return self.concurrency - len(self._tasks)

    async def wait_for_slot(self) -> None:
        """Return when a slot is free."""
        self._freed.clear()
        await self._freed.wait()

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Begin to work on messages that were just received."""
        lease_ends = time.monotonic() + self._lease_s
        is_refused = self._isolation.is_on  # another worker's message is to be alone
        for delivery in deliveries:
            held = TrackedDelivery(delivery, lease_ends=lease_ends)
            if held.is_suspect and not is_refused:
                self._isolation.begin()
            work = self._return(held) if is_refused else self._work(held)
            task = asyncio.create_task(work)
            self._tasks[task] = held
            self._isolation.message_added()
            end = partial(self._remove, is_alone=held.is_suspect and not is_refused)
            task.add_done_callback(end)

    async def renew_for_ever(self) -> None:
        """Renew the leases of all messages in flight, in one batch every third of a lease."""
        outage = Outage(f"{self._worker}: renew")
        pause_s = self._lease_s / 3
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._renew()
            except (Exception, asyncio.CancelledError) as error:
                if is_being_cancelled():
                    raise
                _log_unforeseen("worker.renew_failed", error, worker=self._worker)
                pause_s = min(outage.failed(error), self._lease_s / 10)
            else:
                outage.over()
                pause_s = self._lease_s / 3

    async def finish(self, within_s: float) -> None:
        """Wait until nothing is in flight; at the end hand back what isn't started, drop the rest.

        Two tenths of the time, and no more than three seconds, are kept for that end.
        """
        last_s = min(within_s * 0.1, LONGEST_END_S)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s - 2 * last_s)
        if not self._tasks:
            return
        unstarted = [held for held in self._tasks.values() if held.may_be_given_back]
        log.warning(
            "worker.cut_off",
            worker=self._worker,
            handed_back=len(unstarted),
            left_to_lease=len(self._tasks) - len(unstarted),
        )
        await self.drop(last_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(last_s):
                releases = (held.delivery.release() for held in unstarted)
                await asyncio.gather(*releases, return_exceptions=True)

    async def drop(self, within_s: float) -> None:
        """Stop working at once; leases run out by themselves."""
        await end_tasks(*self._tasks, within_s=within_s)

    async def _renew(self) -> None:
        renewed = {task: held for task, held in self._tasks.items() if not held.is_claim_over}
        if not renewed:
            return
        lease_ends = time.monotonic() + self._lease_s
        over = await self._renewal.renew([held.delivery for held in renewed.values()])
        over_ids = set(map(id, over))
        for task, held in renewed.items():
            if id(held.delivery) in over_ids:
                self._lose(task, held)
            else:
                held.lease_ends = lease_ends

    def _lose(self, task: asyncio.Task[None], held: TrackedDelivery) -> None:
        if held.may_be_given_back and not held.is_settling:
            held.is_claim_over = True
            task.cancel()
        elif held.is_started and not held.verdict:
            # It must run to its end: what it began can't be taken back. Its verdict won't count.
            held.is_claim_over = True
            log.warning("worker.claim_lost_while_started", worker=self._worker, message_id=held.id)

    def _remove(self, task: asyncio.Task[None], *, is_alone: bool) -> None:
        del self._tasks[task]
        self._isolation.message_removed()
        if is_alone:
            self._isolation.end()
        self.handled += 1
        self._freed.set()

    async def _return(self, held: TrackedDelivery) -> None:
        with contextlib.suppress(QueueError):  # its lease runs out instead
            await held.give_back()

    async def _work(self, held: TrackedDelivery) -> None:
        try:
            outcome = await self._outcome(held)
        except ClaimEnded as ended:
            self._say(held).info("worker.claim_ended", why=type(ended).__name__)
            outcome = "expired" if isinstance(ended, MessageExpired) else "claim_ended"
        except asyncio.CancelledError:
            if not held.is_claim_over:
                raise
            self._say(held).info("worker.claim_ended", why="renewal was refused")
            outcome = "claim_ended"
        except QueueUnavailable as error:
            self._say(held).warning("worker.queue_unavailable", error=str(error))
            outcome = "unavailable"
            await self._give_back(held)
        except Exception:  # noqa: BLE001 - a handler's bug must not harm other messages
            self._say(held).error("worker.handler_failed", exc_info=True)
            outcome = "failed"
            await self._give_back(held)
        self._metrics.count_handled(self._worker, outcome)

    def _say(self, held: TrackedDelivery) -> FilteringBoundLogger:
        return log.bind(
            worker=self._worker,
            message_id=held.id,
            lane=held.lane,
            attempt=held.attempt,
            started=held.is_started,
        )

    async def _outcome(self, held: TrackedDelivery) -> str:
        try:
            if held.is_suspect:
                await self._isolation.until_alone()
            await afailpoint("worker.after_receive")
            await self._handle(held)
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise NoVerdict("what the handler awaited was cancelled") from error
        if held.verdict is None:
            raise NoVerdict("the handler returned without settling the message")
        return held.verdict

    async def _give_back(self, held: TrackedDelivery) -> None:
        if held.may_be_given_back:
            try:
                await held.release(RELEASE_AFTER_FAILURE)
            except Exception as error:  # noqa: BLE001 - the lease runs out instead
                _log_unforeseen("worker.release_failed", error, message_id=held.id)


def _log_unforeseen(event: str, error: BaseException, **fields: str) -> None:
    if not isinstance(error, QueueError):
        log.error(event, exc_info=error, **fields)
