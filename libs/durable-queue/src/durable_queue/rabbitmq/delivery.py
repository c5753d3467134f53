"""A message that a worker holds, and what may be said of it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from service_kit.failpoints import afailpoint

from durable_queue.claims.store import State
from durable_queue.delivery import VerdictMethods
from durable_queue.messages import exhausted_error
from durable_queue.port import (
    Ack,
    Change,
    Defer,
    Forward,
    GiveUp,
    LeaseLost,
    Note,
    OnAmbiguous,
    Release,
    Retry,
    Start,
    Verdict,
)
from durable_queue.rabbitmq.dead_lettering import DeadLetterReason, move_to_dead_letters, poison
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.held import HeldMessage, requeue_in_front
from durable_queue.rabbitmq.steps import ack_all, start_all
from durable_queue.recorder import ChangeEvent


class RabbitDelivery(HeldMessage, VerdictMethods):
    """A `Delivery`. A verdict that failed half-way is given again, and goes on where it was."""

    __slots__ = ()

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at."""
        self.stop_tracking()
        try:
            await self._router.claims.hand_back(self.id, self.token)
        finally:  # else it is tried again, and found to be held, until its lease is over
            requeue_in_front(self.copy)

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        start = Start(note, on_ambiguous, progress)
        [error] = await start_all(self._router, [(self, start)])
        if error:
            raise error

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        event = self._router.event
        match verdict:
            case Ack():
                [error] = await ack_all(self._router, [(self, verdict)])
                if error:
                    raise error
            case Forward(lane, note):
                moved = self.moved(lane=lane, attempt=1, deferrals=0, due=0)
                await self._settle("forward", moved, event(Change.FORWARDED, moved, note))
            case Retry():
                await self._retry(verdict)
            case Defer(delay, note, progress):
                self.keep(progress)
                moved = self.later(delay, deferrals=self.deferrals + 1)
                await self._settle("defer", moved, event(Change.DEFERRED, moved, note))
            case GiveUp(error, note, is_uncertain):
                self.copy.mark_uncertain(is_uncertain)
                text = error.encode(errors="backslashreplace").decode()  # it may quote anything
                end = DeadLetterReason(change=Change.DEAD, error=text, note=note)
                await self.give_up("dead", end)
            case Release(delay, note):
                await self._release(delay, note)

    async def _retry(self, verdict: Retry) -> None:
        delay, note, is_uncertain, progress = verdict
        self.copy.mark_uncertain(is_uncertain)
        self.keep(progress)
        if self.attempt >= self.max_attempts:
            error = exhausted_error(self.attempt)
            end = DeadLetterReason(change=Change.EXHAUSTED, error=error, note=note)
            await self.give_up("exhausted", end)
            return
        moved = self.later(delay, attempt=self.attempt + 1)
        await self._settle("retry", moved, self._router.event(Change.RETRIED, moved, note))

    async def _release(self, delay: timedelta, note: Note) -> None:
        goes = delay > timedelta(0) or not self.copy.session.is_live
        moved = self.later(delay) if goes else self.as_it_is
        event = self._router.event(Change.RELEASED, moved, note)

        async def back(deliveries: int) -> None:
            if deliveries:
                end = poison(deliveries, note)
                await self._router.record(end.change, self.copy.envelope, end.note)
                await move_to_dead_letters(self._router, self.copy, self.token, end)
            elif goes:
                await self._move(moved, suspect=True)
            else:
                await self._put_back()

        await self._decide("release", event, back)

    async def give_up(self, verdict: str, end: DeadLetterReason) -> None:
        """Settle: make it a dead letter, for the caller's reason."""

        async def carry_out(_: int) -> None:
            await move_to_dead_letters(self._router, self.copy, self.token, end)

        event = self._router.event(end.change, self.as_it_is, end.note)
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
        async with self.turn:
            decide = self._router.claims.decide
            code, deliveries = await decide(
                self.id,
                self.token,
                self.revision,
                verdict,
                memo,
                event,
                is_uncertain=self.copy.envelope.uncertain,
            )
            if code == "lost" or self.settled not in {"", verdict}:
                self.lose()
                raise LeaseLost(self.id)
            if self.settled:
                return
            # Until it is carried out the copy stays here, for no other worker has it.
            self.decided, self.lease_until = verdict, self._router.lease_ends
            await afailpoint("queue.after_decide")
            self.poisoned_after = deliveries or self.poisoned_after
            await carry_out(self.poisoned_after)
            self.settled = verdict
            self.stop_tracking()

    async def _move(self, moved: Envelope, *, suspect: bool = False) -> None:
        await self._router.put(moved)
        await afailpoint("queue.after_put")
        claims = self._router.claims
        await claims.settled(self.id, self.token, moved.revision, State.WAITING, suspect=suspect)
        self.copy.done()

    async def _put_back(self) -> None:
        claims = self._router.claims
        await claims.settled(self.id, self.token, self.revision, State.WAITING, suspect=True)
        requeue_in_front(self.copy)
