"""A delivery as its worker sees it: watched, and settled with retries."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

from durable_queue.delivery import VerdictMethods
from durable_queue.port import Advance, Delivery, Forward, Note, OnAmbiguous, Start, Verdict
from durable_queue.worker.calls import QueueCalls

Settled = Callable[[BaseException | None], None]
"""Told that a verdict stands, or of what went wrong with it."""


class Keeper(Protocol):
    """In whose slots a message is."""

    @property
    def calls(self) -> QueueCalls:
        """What its messages say to the queue."""
        ...

    def settle_soon(self, held: "TrackedDelivery", verdict: Verdict, then: Settled) -> None:
        """Settle a message with what else is settled in this turn."""
        ...

    def go_on(self, held: "TrackedDelivery", work: Coroutine[Any, Any, None]) -> None:
        """Give a message a task of its own."""
        ...

    def let_go(self, held: "TrackedDelivery") -> None:
        """Free the slot of a message that another worker takes over."""
        ...

    def count(self, outcome: str) -> None:
        """Count a message with which it is done."""
        ...


class NotAdvanced(Exception):
    """Raised when a message could only be forwarded: it waits in the other lane."""


class TrackedDelivery(VerdictMethods):
    """A `Delivery` that notices what its handler does with it.

    Calls that the broker doesn't answer are repeated until the lease has ended, so a handler can
    take a returned call for done. `lease_ends`, in `time.monotonic` seconds, `is_claim_over`,
    `task` and `keeper`, in whose slots it is, are the worker's to set; so is `giver`, which handed
    it over before it was through with it. `verdict` is what it was settled with.
    """

    __slots__ = (
        "delivery",
        "expires_at",
        "giver",
        "id",
        "is_claim_over",
        "is_settling",
        "is_started",
        "is_suspect",
        "keeper",
        "lease_ends",
        "max_attempts",
        "task",
        "verdict",
    )

    def __init__(self, delivery: Delivery, keeper: Keeper, *, lease_ends: float) -> None:
        self.delivery = delivery
        self.keeper = keeper
        self.giver: Keeper | None = None
        self.lease_ends = lease_ends
        self.is_started = False
        self.is_settling = False
        self.is_claim_over = False
        self.task: asyncio.Task[None] | None = None
        self.verdict: Verdict | None = None
        self.id: str = delivery.id
        self.max_attempts: int = delivery.max_attempts
        self.is_suspect: bool = delivery.is_suspect
        self.expires_at: datetime | None = delivery.expires_at

    @property
    def lane(self) -> str:
        """See `Delivery`."""
        return self.delivery.lane

    @property
    def body(self) -> bytes:
        """See `Delivery`."""
        return self.delivery.body

    @property
    def attempt(self) -> int:
        """See `Delivery`."""
        return self.delivery.attempt

    @property
    def deferrals(self) -> int:
        """See `Delivery`."""
        return self.delivery.deferrals

    @property
    def progress(self) -> str:
        """See `Delivery`."""
        return self.delivery.progress

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at."""
        await self.delivery.give_back()

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        await self.keeper.calls.starts.ask(self, Start(note, on_ambiguous, progress))
        self.is_started = True

    async def advance(self, advance: Advance) -> None:
        """Go on in another lane as started; see `MessageBatches.advance_all`.

        Raises:
            NotAdvanced: it was forwarded only, and is settled with that.
        """
        onward = await self.keeper.calls.advances.ask(self, advance)
        if onward is None:
            self.verdict = Forward(advance.lane, advance.note)
            raise NotAdvanced(self.id)
        self.delivery = onward
        self.is_started = True
        if self.giver:
            self.giver.count("forwarded")
            self.giver = None

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        self.is_settling = True
        try:
            await self.keeper.calls.verdicts.ask(self, verdict)
        finally:
            self.is_settling = False
        self.verdict = verdict

    def settle_soon(self, verdict: Verdict, then: Settled) -> None:
        """End the lease with a verdict, together with what else is settled in this turn.

        Its handler may return at once; `then` is told when the verdict stands.
        """
        self.keeper.settle_soon(self, verdict, then)

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Let its handler return; what is left to do for this message is done in its own task."""
        self.keeper.go_on(self, work)

    @property
    def may_be_given_back(self) -> bool:
        """Tell whether it had no effect outside yet, and isn't settled."""
        return not self.is_started and self.verdict is None
