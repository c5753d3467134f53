"""A delivery as its worker sees it: watched, and settled with retries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from service_kit.failpoints import afailpoint

from durable_queue.backoff import delays
from durable_queue.delivery import VerdictMethods
from durable_queue.port import (
    Ack,
    Defer,
    Delivery,
    Forward,
    GiveUp,
    Note,
    OnAmbiguous,
    QueueUnavailable,
    Release,
    Retry,
    Verdict,
)

OUTCOMES: Final[Mapping[type[Verdict], str]] = {
    Ack: "done",
    Forward: "forwarded",
    Retry: "retried",
    Defer: "deferred",
    GiveUp: "dead",
    Release: "released",
}


class TrackedDelivery(VerdictMethods):
    """A `Delivery` that notices what its handler does with it.

    Calls that the broker doesn't answer are repeated until the lease has ended, so a handler can
    take a returned call for done. `lease_ends`, in `time.monotonic` seconds, and `is_claim_over`
    are the worker's to set. `verdict` is what it was settled as.
    """

    __slots__ = (
        "attempt",
        "body",
        "deferrals",
        "delivery",
        "expires_at",
        "id",
        "is_claim_over",
        "is_settling",
        "is_started",
        "is_suspect",
        "lane",
        "lease_ends",
        "max_attempts",
        "progress",
        "verdict",
    )

    def __init__(self, delivery: Delivery, *, lease_ends: float) -> None:
        self.delivery = delivery
        self.lease_ends = lease_ends
        self.is_started = False
        self.is_settling = False
        self.is_claim_over = False
        self.verdict: str | None = None
        self.id: str = delivery.id
        self.lane: str = delivery.lane
        self.body: bytes = delivery.body
        self.attempt: int = delivery.attempt
        self.max_attempts: int = delivery.max_attempts
        self.deferrals: int = delivery.deferrals
        self.is_suspect: bool = delivery.is_suspect
        self.expires_at: datetime | None = delivery.expires_at
        self.progress: str = delivery.progress

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
        await self._insist(
            partial(self.delivery.start, note, on_ambiguous=on_ambiguous, progress=progress)
        )
        self.is_started = True
        await afailpoint("worker.after_start")

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        await afailpoint("worker.before_settle")
        self.is_settling = True
        try:
            await self._insist(partial(self.delivery.settle, verdict))
        finally:
            self.is_settling = False
        self.verdict = OUTCOMES[type(verdict)]
        await afailpoint("worker.after_settle")

    @property
    def may_be_given_back(self) -> bool:
        """Tell whether it had no effect outside yet, and isn't settled."""
        return not self.is_started and self.verdict is None

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        for delay in delays():
            try:
                return await call()
            except QueueUnavailable:
                if time.monotonic() + delay >= self.lease_ends:
                    raise
            await asyncio.sleep(delay)
        return None
