"""The queue's port: what every adapter promises, whatever broker is behind it.

Delivery is at least once. A message is in exactly one state at any time: waiting in its lane,
leased by one worker, delayed until it is due, or ended (done, dead, cancelled, expired). A crash at
any line leaves it in one of them. Time is the broker's, never the worker's.

A worker that starts a message and goes silent, or says that the outcome is uncertain, may have had
an effect outside. The message remembers that for good: unless it is done, the recorder is told so
when it ends, however it ends.

A message that a worker holds is in `delivery`, errors are in `errors`, values in `messages`; all
are importable from here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.delivery import Delivery
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
from durable_queue.verdicts import (
    Ack,
    Advance,
    Defer,
    Forward,
    GiveUp,
    Release,
    Retry,
    Start,
    Verdict,
)

__all__ = [
    "Ack",
    "Advance",
    "BodyLookup",
    "BrokerClock",
    "BrokerInspection",
    "Change",
    "ClaimEnded",
    "Conflict",
    "ControlOutcome",
    "Dedupe",
    "Defer",
    "Delivery",
    "Duplicate",
    "DuplicateLookup",
    "Durability",
    "Enqueued",
    "Forward",
    "GiveUp",
    "LaneDepth",
    "LeaseLost",
    "LeaseRenewal",
    "Message",
    "MessageBatches",
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
    "Release",
    "Retry",
    "SendOutcome",
    "Start",
    "TickReport",
    "UnsafeBroker",
    "Verdict",
]


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

    async def leave(self, lanes: Sequence[str]) -> None:
        """Hold nothing of these lanes but what was received, until they are received from again.

        For a worker that rests while others may work on. Raises `QueueUnavailable`: nothing is
        lost, and the broker takes back what is held here.
        """
        ...

    async def close(self) -> None:
        """Close connections. Leases of unsettled messages run out by themselves."""
        ...


class MessageBatches(Protocol):
    """What a worker says of many messages at once, for little more than the price of one.

    Each is a step of its own, as by the `Delivery`'s methods: what goes wrong with one concerns no
    other. Outcomes are in the order of the messages: None, or what the method would have raised.
    """

    async def start_all(
        self, starts: Sequence[tuple[Delivery, Start]]
    ) -> Sequence[QueueError | None]:
        """Start messages."""
        ...

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        """Settle messages."""
        ...

    async def advance_all(
        self, advances: Sequence[tuple[Delivery, Advance]]
    ) -> Sequence[Delivery | QueueError | None]:
        """Forward messages and start them, each in one durable step.

        The outcome is the message as it is then held, in its new lane and started, or None where it
        was forwarded only: because others wait in that lane, and it does not go before them.
        """
        ...


class DuplicateLookup(Protocol):
    """Answers a repeated send without sending."""

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what `send` would say to a repetition under this key; None if it knows none.

        For a caller that has reasons to refuse a new message, but not the repetition of one that
        was taken. Raises `QueueUnavailable`.
        """
        ...


class BodyLookup(Protocol):
    """Shows what a message holds, without taking it up."""

    async def body_of(self, message_id: str) -> bytes | None:
        """Return the bytes of a message that has not ended, or is dead; None if there are none.

        None, too, where the broker gives messages out in turn and finds none by its id: RabbitMQ.
        Raises `QueueUnavailable`.
        """
        ...


class BrokerClock(Protocol):
    """The clock that counts for all messages."""

    async def time(self) -> datetime:
        """Return the broker's time, or that of who keeps its records where it has no clock.

        A jump of that clock is known within about a second. Raises `QueueUnavailable`.
        """
        ...

    def now(self) -> datetime:
        """Return that time without asking: as it was last seen, carried on evenly since.

        Before it was ever seen, it is this process's own.
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

    async def expire(self, lanes: Sequence[str]) -> int:
        """End waiting messages that have expired; return how many.

        Elsewhere they end when they are about to be received, and from a lane that rests nothing
        is. A call looks at a bounded number, the next one goes on from there. A broker that can't
        look into a lane ends none.
        """
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
    MessageBatches,
    DuplicateLookup,
    BodyLookup,
    BrokerClock,
    LeaseRenewal,
    QueueUpkeep,
    MessageControl,
    BrokerInspection,
    Protocol,
):
    """What an adapter is. Ask for the narrowest part that does."""
