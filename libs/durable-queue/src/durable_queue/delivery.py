"""What a worker can do with a message that it holds."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.messages import Note, OnAmbiguous
from durable_queue.verdicts import Ack, Defer, Forward, GiveUp, Release, Retry, Verdict


class Delivery(Protocol):
    """One message that a worker holds, leased until exactly one of the verdicts is awaited.

    All methods raise `LeaseLost` when the claim is over, and `QueueUnavailable` when the broker
    can't be reached; then they may be called again with the same arguments.
    """

    @property
    def id(self) -> str:
        """The message's id."""
        ...

    @property
    def lane(self) -> str:
        """The lane from which it was received."""
        ...

    @property
    def body(self) -> bytes:
        """The exact bytes that were sent."""
        ...

    @property
    def attempt(self) -> int:
        """Which attempt this is: 1 at first, one more after each `retry`; crashes don't count."""
        ...

    @property
    def max_attempts(self) -> int:
        """How many attempts the message has in all."""
        ...

    @property
    def deferrals(self) -> int:
        """How often it was deferred since it entered this lane."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """After this time it must not be started."""
        ...

    @property
    def is_suspect(self) -> bool:
        """Whether earlier workers fell silent with it, so that it is to be handled alone.

        `receive` gives out such a message alone, so that a worker that dies of it holds no others.
        """
        ...

    @property
    def progress(self) -> str:
        """What its workers last said of how far they came, see `start`; empty if nothing."""
        ...

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at: it counts for nothing."""
        ...

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return: expiry and cancellation win before it, this worker after it.

        Once before each thing that has an effect outside: it may have become too late since the
        last. `on_ambiguous` says what becomes of it if this worker goes silent from here on.

        `progress` is for the workers that come after this one, here and in `retry` and `defer`:
        short text that the queue does not read, and keeps until it is told another or the message
        is replayed. None leaves it as it is.

        Raises:
            MessageExpired: it is too late; the message is settled as expired.
        """
        ...

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict; the methods that follow are the same, each for one."""
        ...

    async def ack(self, note: Note = b"") -> None:
        """See `Ack`."""
        ...

    async def forward(self, lane: str, note: Note = b"") -> None:
        """See `Forward`."""
        ...

    async def retry(
        self,
        delay: timedelta,
        note: Note = b"",
        *,
        is_uncertain: bool = False,
        progress: str | None = None,
    ) -> None:
        """See `Retry`."""
        ...

    async def defer(
        self, delay: timedelta, note: Note = b"", *, progress: str | None = None
    ) -> None:
        """See `Defer`."""
        ...

    async def dead_letter(
        self, error: str, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """See `GiveUp`."""
        ...

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """See `Release`."""
        ...


class VerdictMethods(ABC):
    """The method for each verdict, for a `Delivery` that is told of any by `settle`."""

    __slots__ = ()

    @abstractmethod
    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""

    async def ack(self, note: Note = b"") -> None:
        """See `Ack`."""
        await self.settle(Ack(note))

    async def forward(self, lane: str, note: Note = b"") -> None:
        """See `Forward`."""
        await self.settle(Forward(lane, note))

    async def retry(
        self,
        delay: timedelta,
        note: Note = b"",
        *,
        is_uncertain: bool = False,
        progress: str | None = None,
    ) -> None:
        """See `Retry`."""
        await self.settle(Retry(delay, note, is_uncertain, progress))

    async def defer(
        self, delay: timedelta, note: Note = b"", *, progress: str | None = None
    ) -> None:
        """See `Defer`."""
        await self.settle(Defer(delay, note, progress))

    async def dead_letter(
        self, error: str, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """See `GiveUp`."""
        await self.settle(GiveUp(error, note, is_uncertain))

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """See `Release`."""
        await self.settle(Release(delay, note))
