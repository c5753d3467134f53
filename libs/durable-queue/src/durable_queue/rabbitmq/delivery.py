"""A message that a worker holds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from service_kit.epoch import whole_ms
from service_kit.failpoints import afailpoint

from durable_queue.claims.operations import BeginReply
from durable_queue.claims.store import State
from durable_queue.delivery import VerdictMethods
from durable_queue.messages import SUSPECT_AFTER, exhausted_error
from durable_queue.port import (
    Ack,
    Change,
    Defer,
    Forward,
    GiveUp,
    LeaseLost,
    MessageExpired,
    Note,
    OnAmbiguous,
    Release,
    Retry,
    Verdict,
)
from durable_queue.rabbitmq.consumer import ReceivedCopy
from durable_queue.rabbitmq.dead_lettering import DeadLetterReason, move_to_dead_letters, poison
from durable_queue.rabbitmq.envelope import Envelope, time_or_none
from durable_queue.rabbitmq.routing import MessageRouter
from durable_queue.recorder import ChangeEvent

StopTracking = Callable[["RabbitDelivery"], bool]
"""Ends this process's hold; false if it had ended before, and the copy is somebody else's."""


class RabbitDelivery(VerdictMethods):
    """A `Delivery`. A verdict that failed half-way is given again, and goes on where it was."""

    __slots__ = (
        "_copy",
        "_decided",
        "_expired",
        "_one_at_a_time",
        "_poison",
        "_router",
        "_settled",
        "_started",
        "_stop_tracking",
        "attempt",
        "body",
        "deferrals",
        "deliveries",
        "expires_at",
        "id",
        "is_suspect",
        "lane",
        "lease_until",
        "max_attempts",
        "progress",
        "token",
    )

    def __init__(
        self,
        copy: ReceivedCopy,
        begun: BeginReply,
        router: MessageRouter,
        stop_tracking: StopTracking,
    ) -> None:
        envelope = copy.envelope
        self.id: str = envelope.id
        self.lane: str = envelope.lane
        self.body: bytes = envelope.body
        self.attempt: int = envelope.attempt
        self.max_attempts: int = envelope.max_attempts
        self.deferrals: int = envelope.deferrals
        self.expires_at: datetime | None = time_or_none(envelope.expires)
        # What was said at the start of this copy is newer than what the copy itself says.
        self.progress: str = begun.progress or envelope.progress
        self.token = begun.token
        self.deliveries = begun.number
        self.is_suspect = begun.number > SUSPECT_AFTER
        self.lease_until = router.lease_ends
        self._copy = copy
        self._router = router
        self._stop_tracking = stop_tracking
        self._one_at_a_time = asyncio.Lock()
        self._started = False
        self._expired = False
        self._decided = ""
        self._settled = ""
        self._poison = 0

    @property
    def copy(self) -> ReceivedCopy:
        """The copy that was taken up."""
        return self._copy

    @property
    def revision(self) -> int:
        """Which copy this is."""
        return self._envelope.revision

    @property
    def _envelope(self) -> Envelope:
        return self._copy.envelope

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at."""
        self._stop_tracking(self)
        try:
            await self._router.claims.hand_back(self.id, self.token)
        finally:  # else it is tried again, and found to be held, until its lease is over
            requeue_in_front(self._copy)

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        async with self._one_at_a_time:
            if self._expired:
                raise MessageExpired(self.id)
            if self._router.is_expired(self._envelope):
                await self._expire()
                raise MessageExpired(self.id)
            hold = on_ambiguous is OnAmbiguous.HOLD
            router = self._router
            event = None if self._started else router.event(Change.STARTED, self._as_it_is, note)
            is_ours = await router.claims.start(
                self.id, self.token, self.revision, hold=hold, progress=progress, event=event
            )
            if not is_ours:
                self._lose()
                raise LeaseLost(self.id)
            self.lease_until = router.lease_ends
            self._started = True
            self._keep(progress)

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        event = self._router.event
        match verdict:
            case Ack(note):
                async with self._one_at_a_time:
                    await self._finish("ack", event(Change.DONE, self._as_it_is, note))
            case Forward(lane, note):
                moved = self._moved(lane=lane, attempt=1, deferrals=0, due=0)
                await self._settle("forward", moved, event(Change.FORWARDED, moved, note))
            case Retry():
                await self._retry(verdict)
            case Defer(delay, note, progress):
                self._keep(progress)
                moved = self._later(delay, deferrals=self.deferrals + 1)
                await self._settle("defer", moved, event(Change.DEFERRED, moved, note))
            case GiveUp(error, note, is_uncertain):
                self._copy.mark_uncertain(is_uncertain)
                text = error.encode(errors="backslashreplace").decode()  # it may quote anything
                end = DeadLetterReason(change=Change.DEAD, error=text, note=note)
                await self.give_up("dead", end)
            case Release(delay, note):
                await self._release(delay, note)

    async def _retry(self, verdict: Retry) -> None:
        delay, note, is_uncertain, progress = verdict
        self._copy.mark_uncertain(is_uncertain)
        self._keep(progress)
        if self.attempt >= self.max_attempts:
            error = exhausted_error(self.attempt)
            end = DeadLetterReason(change=Change.EXHAUSTED, error=error, note=note)
            await self.give_up("exhausted", end)
            return
        moved = self._later(delay, attempt=self.attempt + 1)
        await self._settle("retry", moved, self._router.event(Change.RETRIED, moved, note))

    async def _release(self, delay: timedelta, note: Note) -> None:
        goes = delay > timedelta(0) or not self._copy.session.is_live
        moved = self._later(delay) if goes else self._as_it_is
        event = self._router.event(Change.RELEASED, moved, note)

        async def back(deliveries: int) -> None:
            if deliveries:
                end = poison(deliveries, note)
                await self._router.record(end.change, self._envelope, end.note)
                await move_to_dead_letters(self._router, self._copy, self.token, end)
            elif goes:
                await self._move(moved, suspect=True)
            else:
                await self._put_back()

        await self._decide("release", event, back)

    async def give_up(self, verdict: str, end: DeadLetterReason) -> None:
        """Settle: make it a dead letter, for the caller's reason."""

        async def carry_out(_: int) -> None:
            await move_to_dead_letters(self._router, self._copy, self.token, end)

        event = self._router.event(end.change, self._as_it_is, end.note)
        await self._decide(verdict, event, carry_out, end.memo)

    async def _settle(self, verdict: str, moved: Envelope, event: ChangeEvent) -> None:
        await self._decide(verdict, event, lambda _: self._move(moved))

    async def _decide(
        self,
        verdict: str,
        event: ChangeEvent,
        carry_out: Callable[[int], Awaitable[None]],
        memo: str = "",
    ) -> None:
        async with self._one_at_a_time:
            decide = self._router.claims.decide
            code, deliveries = await decide(
                self.id,
                self.token,
                self.revision,
                verdict,
                memo,
                event,
                is_uncertain=self._envelope.uncertain,
            )
            if code == "lost" or self._settled not in {"", verdict}:
                self._lose()
                raise LeaseLost(self.id)
            if self._settled:
                return
            # Until it is carried out the copy stays here, for no other worker has it.
            self._decided, self.lease_until = verdict, self._router.lease_ends
            await afailpoint("queue.after_decide")
            self._poison = deliveries or self._poison
            await carry_out(self._poison)
            self._settled = verdict
            self._stop_tracking(self)

    async def _finish(self, verdict: str, event: ChangeEvent) -> None:
        is_ours = await self._router.claims.finish(
            self.id, self.token, self.revision, verdict, event
        )
        if not is_ours or self._settled not in {"", verdict}:
            self._lose()
            raise LeaseLost(self.id)
        self._stop_tracking(self)
        await afailpoint("queue.after_decide")
        if not self._settled:
            await self._copy.done()
        self._settled = verdict

    def _lose(self) -> None:
        """Let it be looked at anew, for its claim knows what became of it; unless a verdict was
        decided and is not carried out, for then the one that decided may still do so.
        """
        is_undone = self._decided != self._settled
        if not is_undone and self._stop_tracking(self) and not self._settled:
            requeue_in_front(self._copy)

    async def _expire(self) -> None:
        await self._finish("expire", self._router.event(Change.EXPIRED, self._as_it_is))
        self._expired = True

    async def _move(self, moved: Envelope, *, suspect: bool = False) -> None:
        await self._router.put(moved)
        await afailpoint("queue.after_put")
        claims = self._router.claims
        await claims.settled(self.id, self.token, moved.revision, State.WAITING, suspect=suspect)
        await self._copy.done()

    async def _put_back(self) -> None:
        claims = self._router.claims
        await claims.settled(self.id, self.token, self.revision, State.WAITING, suspect=True)
        requeue_in_front(self._copy)

    @property
    def _as_it_is(self) -> Envelope:
        """The message as it is once it has been taken up: it waits for no time any more."""
        return replace(self._envelope, due=0) if self._envelope.due else self._envelope

    def _keep(self, progress: str | None) -> None:
        self.progress = self.progress if progress is None else progress

    def _later(self, delay: timedelta, **changes: int) -> Envelope:
        due = self._router.now_ms + whole_ms(delay) if delay > timedelta(0) else 0
        return self._moved(due=due, is_pause=due > 0, **changes)

    def _moved(self, **changes: object) -> Envelope:
        since = self._router.now_ms
        return self._envelope.moved(since=since, progress=self.progress, **changes)


def requeue_in_front(copy: ReceivedCopy) -> None:
    """Let the next worker of this process that asks have it, before all others."""
    copy.was_delayed = False
    copy.session.put_in_front(copy)
    copy.session.announce()
