"""What goes into a queue, what comes out, and what is said about it: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from service_kit.values import value


class Change(StrEnum):
    """What happened to a message. A recorder is told of each, in the same atomic step."""

    ENQUEUED = "enqueued"
    SCHEDULED = "scheduled"
    ADOPTED = "adopted"  # raw bytes that a foreign producer pushed by hand
    STARTED = "started"  # the outside world may see an effect from here on
    FORWARDED = "forwarded"
    DONE = "done"
    RETRIED = "retried"
    DEFERRED = "deferred"
    DEAD = "dead"
    EXHAUSTED = "exhausted"  # a retry that would have been one attempt too many: dead
    RELEASED = "released"
    PROMOTED = "promoted"  # a delayed message became due
    LEASE_LOST = "lease_lost"  # its worker went silent; it waits again
    POISONED = "poisoned"  # its workers went silent too often: dead
    DAMAGED = "damaged"  # somebody made something else of its keys; the note says of what: dead
    AMBIGUOUS = (
        "ambiguous"  # its worker went silent after `start`, and it must not be repeated: dead
    )
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REPLAYED = "replayed"
    DELETED = "deleted"


UNDONE: Final = frozenset(
    {
        Change.EXPIRED,
        Change.CANCELLED,
        Change.DEAD,
        Change.EXHAUSTED,
        Change.POISONED,
        Change.DAMAGED,
        Change.AMBIGUOUS,
    }
)
"""Ends of a message that is not done."""


class OnAmbiguous(StrEnum):
    """What becomes of a message whose worker went silent between `start` and its verdict."""

    RESEND = "resend"
    HOLD = "hold"


SUSPECT_AFTER: Final = 2
"""After so many deliveries without an outcome a message may be what kills its workers."""

MAX_ATTEMPTS: Final = 100
"""Attempts of a message whose sender sets no limit. Workers are meant to stop long before."""

AMBIGUOUS_ERROR: Final = "ambiguous: its worker went silent after it had started"


def poison_error(deliveries: int) -> str:
    """Say why a message that its workers never settle is given up."""
    return f"poison: {deliveries} deliveries without an outcome"


def exhausted_error(attempts: int) -> str:
    """Say why a message whose last attempt failed is given up."""
    return f"attempts exhausted: {attempts}"


Note = bytes
"""Opaque to the queue; handed to the recorder together with the change that it comments on.

UTF-8 without NUL bytes. Empty means: the recorder's own words for that change.
"""


REPEATABLE_FOR: Final = timedelta(hours=24)
"""How long a dedupe key counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dedupe:
    """Makes a send repeatable: one `key` makes one message, within `REPEATABLE_FOR`.

    `fingerprint` tells an honest repetition from another message under the same key; `answer` is
    returned to a caller that repeats it.
    """

    key: str
    fingerprint: str
    answer: str = ""


@value
class Message:
    """What goes into a lane. `id` is unique for ever; `due_at` None means now."""

    id: str
    lane: str
    body: bytes
    due_at: datetime | None = None
    expires_at: datetime | None = None
    max_attempts: int = MAX_ATTEMPTS
    dedupe: Dedupe | None = None
    note: Note = b""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The message is stored and will be received."""

    id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Sent before, under this id; `answer` is what its first sender was told."""

    id: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The dedupe key belongs to another message, whose id this is. Nothing was stored."""

    id: str


SendOutcome = Enqueued | Duplicate | Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """What one round of upkeep moved, in messages, and when the next delayed one is due.

    `next_due` is None where none waits for a time, or where the broker promotes messages. In
    `empty` lanes nothing waits, is leased or delayed; of others that is not known.
    """

    promoted: int = 0
    leases_expired: int = 0
    died: int = 0
    reissued: int = 0
    expired: int = 0
    next_due: timedelta | None = field(default=None, compare=False)
    empty: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneDepth:
    """How many messages of a lane are in which state, and how long the oldest has waited.

    `entered` counts all that ever came to wait in it; None where the broker does not count them.
    `is_complete` is False where only `waiting` is known of what other processes hold.
    """

    waiting: int = 0
    leased: int = 0
    delayed: int = 0
    oldest_waiting: timedelta = timedelta(0)
    entered: int | None = field(default=None, compare=False)
    is_complete: bool = field(default=True, compare=False)


class ControlOutcome(StrEnum):
    """What an operator's call did."""

    DONE = "done"
    UNKNOWN = "unknown"  # no such message
    REFUSED = "refused"  # it is in a state in which this can't be done
    GONE = "gone"  # somebody took its bytes out of the broker by hand: nothing can bring it back


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What the broker would lose: `faults` is empty when acknowledged messages are safe."""

    profile: str  # "none", "everysec", "always", "quorum", "memory"
    faults: Sequence[str] = field(default=())
