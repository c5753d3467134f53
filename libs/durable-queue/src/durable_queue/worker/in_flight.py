"""The messages that a worker is at: claims, their leases, and what becomes of each message."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, Protocol

from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger
from structlog.typing import FilteringBoundLogger

from durable_queue.backoff import end_tasks, is_being_cancelled
from durable_queue.metrics import QueueMetrics
from durable_queue.port import (
    ClaimEnded,
    Delivery,
    LeaseRenewal,
    MessageBatches,
    MessageExpired,
    QueueError,
    QueueUnavailable,
    Verdict,
)
from durable_queue.worker.calls import QueueCalls
from durable_queue.worker.handling import HandleClaim, outcome_of
from durable_queue.worker.isolation import Isolation
from durable_queue.worker.leases import Leases
from durable_queue.worker.tracked_delivery import Settled, TrackedDelivery

log = get_logger(__name__)

RELEASE_AFTER_FAILURE: Final = timedelta(seconds=5)
"""How long a message rests after its handler failed in a way that it didn't foresee."""

LONGEST_END_S: Final = 1.5
"""How long those that are dropped may take to end, and those that are handed back to arrive."""


class NoVerdict(Exception):
    """Raised when a handler ended without an error and without having settled its message."""


class InFlightQueue(LeaseRenewal, MessageBatches, Protocol):
    """What is asked of a queue for messages in flight."""


class InFlight:
    """Up to `concurrency` messages at a time. `is_open` says that it takes others' over."""

    def __init__(
        self,
        queue: InFlightQueue,
        handle: HandleClaim,
        *,
        worker: str,
        concurrency: int,
        lease: timedelta,
        metrics: QueueMetrics,
        isolation: Isolation,
    ) -> None:
        self.concurrency = concurrency
        self.handled = 0
        self.is_open = False
        self.calls = QueueCalls(queue)
        self._handle = handle
        self._worker = worker
        self._metrics = metrics
        self._isolation = isolation
        self._held: dict[TrackedDelivery, None] = {}
        self.leases = Leases(queue, self._held, lease, worker)
        self._tasks: set[asyncio.Task[None]] = set()
        self._suspect: TrackedDelivery | None = None
        self._settling = 0
        self._freed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many messages are in flight."""
        return len(self._held)

    @property
    def free_slots(self) -> int:
        """How many more could be. One that is being settled takes no slot, up to as many again."""
        held = len(self._held)
        return self.concurrency - max(held - self._settling, held - self.concurrency)

    @property
    def is_waiting(self) -> bool:
        """Whether most slots are taken by messages that are started: their effects are slow."""
        started = sum(held.is_started and not held.is_settling for held in self._held)
        return started > self.concurrency // 2

    async def wait_for_slot(self) -> None:
        """Return when a slot was freed."""
        self._freed.clear()
        await self._freed.wait()

    def freed(self) -> None:
        """Wake up who waits for a slot."""
        self._freed.set()

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Begin to work on messages that were just received."""
        lease_ends = self.leases.ends()
        claim = [TrackedDelivery(each, self, lease_ends=lease_ends) for each in deliveries]
        # What others hand over meanwhile takes slots, too.
        refused = claim if self._isolation.is_on else claim[max(self.free_slots, 0) :]
        for held in claim:
            self._held[held] = None
            self._isolation.message_added()
        for held in refused:
            self._run(self._return(held))
        if accepted := claim[: len(claim) - len(refused)]:
            if accepted[0].is_suspect:  # it came alone
                self._suspect = accepted[0]
                self._isolation.begin()
            self._run(self._work(accepted))

    def take_over(self, held: TrackedDelivery, work: Coroutine[Any, Any, None]) -> None:
        """Let a message that another worker of this process holds go on in a slot of this one."""
        giver = held.keeper
        giver.let_go(held)
        held.giver, held.keeper = giver, self
        self._held[held] = None
        self.go_on(held, work)

    def let_go(self, held: TrackedDelivery) -> None:
        """Free the slot of a message that another worker takes over."""
        del self._held[held]
        self.freed()

    def count(self, outcome: str) -> None:
        """Count a message with which this worker is done."""
        self.handled += 1
        self._metrics.count_handled(self._worker, outcome)

    def go_on(self, held: TrackedDelivery, work: Coroutine[Any, Any, None]) -> None:
        """Give a message a task of its own."""
        held.task = self._run(self._alone(held, work))

    def settle_soon(self, held: TrackedDelivery, verdict: Verdict, then: Settled) -> None:
        """Settle a message with what else is settled in this turn; see `TrackedDelivery`."""
        held.is_settling = True
        self._settling += 1
        self.freed()
        self.calls.verdicts.add(held, verdict, partial(self._settled, held, verdict, then))

    async def finish(self, within_s: float) -> None:
        """Wait until nothing is in flight; at the end hand back what isn't started, drop the rest.

        Two tenths of the time, and no more than three seconds, are kept for that end.
        """
        last_s = min(within_s * 0.1, LONGEST_END_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s - 2 * last_s):
                while self._held:
                    await self.wait_for_slot()
                return
        unstarted = [held for held in self._held if held.may_be_given_back]
        log.warning(
            "worker.cut_off",
            worker=self._worker,
            handed_back=len(unstarted),
            left_to_lease=len(self._held) - len(unstarted),
        )
        await self.drop(last_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(last_s):
                releases = (held.delivery.release() for held in unstarted)
                await asyncio.gather(*releases, return_exceptions=True)

    async def drop(self, within_s: float) -> None:
        """Stop working at once; leases run out by themselves."""
        await end_tasks(*self._tasks, *self.calls.under_way, within_s=within_s)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _end(self, held: TrackedDelivery, outcome: str | None = None) -> None:
        if held not in self._held:
            return
        del self._held[held]
        self.freed()
        self._isolation.message_removed()
        if held is self._suspect:
            self._suspect = None
            self._isolation.end()
        if outcome:
            (held.giver or self).count(outcome)

    async def _return(self, held: TrackedDelivery) -> None:
        try:
            with contextlib.suppress(QueueError):  # its lease runs out instead
                await held.give_back()
        finally:
            self._end(held)

    async def _work(self, claim: Sequence[TrackedDelivery]) -> None:
        """Let the handler see a claim; of several it sees those that it failed at one by one."""
        failure: Exception | None = None
        try:
            if claim[0] is self._suspect:
                await self._isolation.until_alone()
            await afailpoint("worker.after_receive")
            await self._handle(claim)
        except asyncio.CancelledError:
            if is_being_cancelled():
                for held in filter(self._is_left, claim):
                    self._end(held)
                raise
            failure = NoVerdict("what the handler awaited was cancelled")
        except Exception as error:  # noqa: BLE001 - a handler's bug must not harm other messages
            failure = error
        for held in filter(self._is_left, claim):
            if failure and len(claim) > 1:
                self._run(self._work((held,)))
            else:
                await self._conclude(held, failure)

    async def _alone(self, held: TrackedDelivery, work: Coroutine[Any, Any, None]) -> None:
        failure: Exception | None = None
        try:
            await work
        except asyncio.CancelledError:
            if held.is_claim_over:
                self._say(held).info("worker.claim_ended", why="renewal was refused")
                return self._end(held, "claim_ended")
            if is_being_cancelled():
                self._end(held)
                raise
            failure = NoVerdict("what the handler awaited was cancelled")
        except Exception as error:  # noqa: BLE001 - a handler's bug must not harm other messages
            failure = error
        held.task = None
        if failure or self._is_left(held):
            await self._conclude(held, failure)
        return None

    def _is_left(self, held: TrackedDelivery) -> bool:
        """Tell whether nobody is at it any more, though it is in flight."""
        return held in self._held and not held.is_settling and held.task is None

    def _settled(
        self, held: TrackedDelivery, verdict: Verdict, then: Settled, error: BaseException | None
    ) -> None:
        held.is_settling = False
        self._settling -= 1
        if error is None:
            held.verdict = verdict
            self._end(held, outcome_of(verdict))
        elif isinstance(error, Exception):
            self._run(self._conclude(held, error))
        else:
            self._end(held)
        then(error)

    async def _conclude(self, held: TrackedDelivery, failure: Exception | None) -> None:
        """Let go of a message at which nobody is any more; hand it back if it has no verdict."""
        verdict = held.verdict
        match failure:
            case None if verdict is not None:
                outcome = outcome_of(verdict)
            case None:
                return await self._conclude(held, NoVerdict("the handler left it unsettled"))
            case ClaimEnded():
                self._say(held).info("worker.claim_ended", why=type(failure).__name__)
                outcome = "expired" if isinstance(failure, MessageExpired) else "claim_ended"
            case QueueUnavailable():
                self._say(held).warning("worker.queue_unavailable", error=str(failure))
                outcome = "unavailable"
                await self._give_back(held)
            case _:
                self._say(held).error("worker.handler_failed", exc_info=failure)
                outcome = "failed"
                await self._give_back(held)
        return self._end(held, outcome)

    def _say(self, held: TrackedDelivery) -> FilteringBoundLogger:
        return log.bind(
            worker=self._worker,
            message_id=held.id,
            lane=held.lane,
            attempt=held.attempt,
            started=held.is_started,
        )

    async def _give_back(self, held: TrackedDelivery) -> None:
        if held.may_be_given_back:
            try:
                await held.release(RELEASE_AFTER_FAILURE)
            except QueueError:
                return  # the lease runs out instead
            except Exception:
                log.exception("worker.release_failed", message_id=held.id)
