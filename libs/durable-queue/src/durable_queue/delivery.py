"""What a worker can do with a message that it holds."""

from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.messages import Note, OnAmbiguous


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

    async def ack(self, note: Note = b"") -> None:
        """Settle: done."""
        ...

    async def forward(self, lane: str, note: Note = b"") -> None:
        """Settle here and put it into another lane, attempts counted anew, in one atomic step."""
        ...

    async def retry(
        self,
        delay: timedelta,
        note: Note = b"",
        *,
        is_uncertain: bool = False,
        progress: str | None = None,
    ) -> None:
        """Settle: an attempt is used up, try again after `delay`; dead after the last one.

        `is_uncertain` says that it is unknown whether what was started had its effect.
        """
        ...

    async def defer(
        self, delay: timedelta, note: Note = b"", *, progress: str | None = None
    ) -> None:
        """Settle: it could not be tried for now; again after `delay`, with no attempt used up."""
        ...

    async def dead_letter(
        self, error: str, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """Settle: given up, kept with its bytes and `error` until it is replayed or deleted.

        `is_uncertain` is as for `retry`.
        """
        ...

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """Return it untried, for the next worker. No attempt is used up.

        A message that is released or lost over and over, without any other verdict, ends as poison.
        """
        ...
