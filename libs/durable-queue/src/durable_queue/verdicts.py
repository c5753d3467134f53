"""What a worker says of a message that it holds, as data: so that a queue can be told of many."""

from datetime import timedelta
from typing import NamedTuple, TypeAlias

from durable_queue.messages import Note, OnAmbiguous


class Start(NamedTuple):
    """It passes the point of no return; see `Delivery.start`."""

    note: Note = b""
    on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND
    progress: str | None = None


class Ack(NamedTuple):
    """Settle: done."""

    note: Note = b""


class Forward(NamedTuple):
    """Settle here and put it into another lane, attempts counted anew, in one atomic step."""

    lane: str
    note: Note = b""


class Retry(NamedTuple):
    """Settle: an attempt is used up, try again after `delay`; dead after the last one.

    `is_uncertain` says that it is unknown whether what was started had its effect.
    """

    delay: timedelta
    note: Note = b""
    is_uncertain: bool = False
    progress: str | None = None


class Defer(NamedTuple):
    """Settle: it could not be tried for now; again after `delay`, with no attempt used up."""

    delay: timedelta
    note: Note = b""
    progress: str | None = None


class GiveUp(NamedTuple):
    """Settle: given up, kept with its bytes and `error` until it is replayed or deleted.

    `is_uncertain` is as for `Retry`.
    """

    error: str
    note: Note = b""
    is_uncertain: bool = False


class Release(NamedTuple):
    """Return it untried, for the next worker. No attempt is used up.

    A message that is released or lost over and over, without any other verdict, ends as poison.
    """

    delay: timedelta = timedelta(0)
    note: Note = b""


Verdict: TypeAlias = Ack | Forward | Retry | Defer | GiveUp | Release


class Advance(NamedTuple):
    """Forward it into a lane that this very process works on, and start it there at once.

    `note` is the forward's. See `MessageBatches.advance_all`.
    """

    lane: str
    note: Note
    start: Start
