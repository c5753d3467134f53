"""The queue's port: what every adapter promises, whatever broker is behind it.

Delivery is at least once. A message is in exactly one state at any time: waiting in its lane,
leased by one worker, delayed until it is due, or ended (done, dead, cancelled, expired). A crash at
any line leaves it in one of them. Time is the broker's, never the worker's.

A worker that starts a message and goes silent, or says that the outcome is uncertain, may have had
an effect outside. The message remembers that for good: unless it is done, the recorder is told so
when it ends, however it ends.

Its errors are in `errors`, its values in `messages`; all are importable from here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.errors import (
    ClaimEnded,
    LeaseLost,
    MessageExpired,
    QueueError,
    QueueFull,
    QueueUnavailable,
    UnsafeBroker,
)
from durable_queue.messages import (
    Change,
    Conflict,
    ControlOutcome,
    Dedupe,
    Duplicate,
    Durability,
    Enqueued,
    LaneDepth,
    Message,
    Note,
    OnAmbiguous,
    SendOutcome,
    TickReport,
)

__all__ = [
    "BrokerClock",
    "BrokerInspection",
    "Change",
    "ClaimEnded",
    "Conflict",
    "ControlOutcome",
    "Dedupe",
    "Delivery",
    "Duplicate",
    "DuplicateLookup",
    "Durability",
    "Enqueued",
    "LaneDepth",
    "LeaseLost",
    "LeaseRenewal",
    "Message",
    "MessageControl",
    "MessageExpired",
    "MessageQueue",
    "Note",
    "OnAmbiguous",
    "Queue",
    "QueueError",
    "QueueFull",
    "QueueUnavailable",
    "QueueUpkeep",
    "SendOutcome",
    "TickReport",
    "UnsafeBroker",
]


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

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at: it counts for nothing."""
        ...

    async def start(
        self, note: Note = b"", *, on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND
    ) -> None:
        """Pass the point of no return: expiry and cancellation win before it, this worker after it.

        Once before each thing that has an effect outside: it may have become too late since the
        last. `on_ambiguous` says what becomes of it if this worker goes silent from here on.

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
        self, delay: timedelta, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """Settle: an attempt is used up, try again after `delay`; dead after the last one.

        `is_uncertain` says that it is unknown whether what was started had its effect.
        """
        ...

    async def defer(self, delay: timedelta, note: Note = b"") -> None:
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


class MessageQueue(Protocol):
    """Lanes of messages. An instance may be used by many tasks at once."""

    async def send(self, message: Message) -> SendOutcome:
        """Store the message durably, then return.

        Raises:
            QueueFull: the lane's limit of waiting messages is reached.
            QueueUnavailable: it may or may not be stored; sending it again is safe.
        """
        ...

    async def receive(
        self, lanes: Sequence[str], *, limit: int, wait: timedelta
    ) -> Sequence[Delivery]:
        """Lease up to `limit` messages, those of earlier lanes first; wait if there are none.

        Returns an empty sequence after `wait`. Messages of later lanes are not starved for ever.
        One that `is_suspect` comes alone.

        Raises:
            QueueUnavailable: nothing is lost; messages that were on their way come again.
        """
        ...

    async def close(self) -> None:
        """Close connections. Leases of unsettled messages run out by themselves."""
        ...


class DuplicateLookup(Protocol):
    """Answers a repeated send without sending."""

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what `send` would say to a repetition under this key; None if it knows none.

        For a caller that has reasons to refuse a new message, but not the repetition of one that
        was taken. Raises `QueueUnavailable`.
        """
        ...


class BrokerClock(Protocol):
    """The clock that counts for all messages."""

    async def time(self) -> datetime:
        """Return the broker's time, or that of who keeps its records where it has no clock.

        A jump of that clock is known within about a second. Raises `QueueUnavailable`.
        """
        ...


class LeaseRenewal(Protocol):
    """Keeps claims alive while their workers are."""

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Extend the leases; return those deliveries whose claim is over."""
        ...


class QueueUpkeep(Protocol):
    """What must go on all the time, in any number of processes at once."""

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        """Promote what is due, take back expired leases, re-issue what was lost on its way."""
        ...

    async def heal(self) -> int:
        """Make the indexes agree with the messages; return how many were repaired."""
        ...

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        """Count the messages of each lane."""
        ...


class MessageControl(Protocol):
    """The operator's side. Each call is one atomic step against whatever workers do."""

    async def cancel(self, message_id: str) -> ControlOutcome:
        """Withdraw a message that is not yet started; `REFUSED` if it is, or has ended."""
        ...

    async def replay(self, message_id: str, delay: timedelta = timedelta(0)) -> ControlOutcome:
        """Put a dead letter back into its lane, attempts anew; else `REFUSED` or `GONE`."""
        ...

    async def delete(self, message_id: str) -> ControlOutcome:
        """Forget a dead letter's bytes; `REFUSED` for any other message."""
        ...


class BrokerInspection(Protocol):
    """What a start-up check and a readiness probe ask."""

    async def durability(self) -> Durability:
        """Read the broker's settings. Raises `QueueUnavailable`."""
        ...

    async def ping(self) -> None:
        """Exercise the broker as a send would. Raises `QueueUnavailable`."""
        ...


class Queue(
    MessageQueue,
    DuplicateLookup,
    BrokerClock,
    LeaseRenewal,
    QueueUpkeep,
    MessageControl,
    BrokerInspection,
    Protocol,
):
    """What an adapter is. Ask for the narrowest part that does."""
