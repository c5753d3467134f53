"""Where claims are kept: the port and its words.

A broker such as RabbitMQ knows queues, not messages: it can't say whether a message was sent
before, is held by somebody, was cancelled, or is an old copy of one that has moved on. A store of
claims knows. It is one short record for each message, changed in one atomic step per operation.

Every move of a message counts its `revision` up, which travels with it, so that of several
copies only the newest counts. What a store has forgotten may be handled: losing claims repeats,
never loses.

    reserved ─► waiting ─► leased ─► started ─► settling ─► waiting (next revision)
                                                        ├─► dead ─► moving ─► waiting | ended
                                                        └─► ended            cancelled
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from durable_queue.recorder import ChangeEvent

Argument = str | int
Reply = Sequence[str | int]


class State(StrEnum):
    """Where a message is, as far as claims go."""

    RESERVED = "reserved"  # a sender is putting it into the broker
    WAITING = "waiting"
    LEASED = "leased"
    STARTED = "started"
    SETTLING = "settling"  # a verdict was given; the broker is being told
    MOVING = "moving"  # an operator is taking it out of the dead letters
    DEAD = "dead"
    ENDED = "ended"
    CANCELLED = "cancelled"


class ClaimStore(Protocol):
    """Keeps claims, and the record of what happened; `state_machine` lists the operations."""

    async def run(
        self, operation: str, *arguments: Argument, event: ChangeEvent | None = None
    ) -> Reply:
        """Carry out one operation in one atomic step, and put `event` on record if it was.

        Raises:
            QueueUnavailable: it may or may not have been carried out; again is safe.
        """
        ...

    @property
    def is_time_known(self) -> bool:
        """Whether `now` is the store's time; else it is a guess, until an operation was run."""
        ...

    @property
    def is_time_fresh(self) -> bool:
        """Whether the store's clock was read a moment ago: every operation reads it."""
        ...

    def now(self) -> datetime:
        """Return the store's time: that of all who use it, whatever their own clocks show."""
        ...

    async def record(self, recorded: ChangeEvent) -> None:
        """Put on record what happened.

        Raises:
            QueueUnavailable: it may or may not be on record; again is safe.
        """
        ...

    async def faults(self) -> Sequence[str]:
        """Say why what should be durable would be lost. Raises `QueueUnavailable`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
