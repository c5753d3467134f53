"""What a change makes of a notification's status: the rules of `record.lua`, in Python."""

from dataclasses import replace
from typing import Final

from durable_queue.port import Change
from notification_contracts.lanes import DELIVERY
from notification_contracts.states import Reason, Status

from notification_ledger.notes import StatusNote

FIRST: Final = frozenset({Change.ENQUEUED, Change.SCHEDULED, Change.ADOPTED})
ENDED: Final = frozenset({Status.SENT, Status.DELIVERED, Status.CANCELLED, Status.EXPIRED})
_UNSENT: Final = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})
_UNDER_WAY: Final = frozenset({Status.SENDING, Status.RETRYING, Status.SENT})

_ALWAYS: Final = {
    Change.ENQUEUED: Status.QUEUED,
    Change.SCHEDULED: Status.SCHEDULED,
    Change.ADOPTED: Status.QUEUED,
    Change.PROMOTED: Status.QUEUED,
    Change.DEAD: Status.FAILED,
    Change.EXHAUSTED: Status.FAILED,
    Change.POISONED: Status.FAILED,
    Change.AMBIGUOUS: Status.FAILED,
    Change.DAMAGED: Status.FAILED,
    Change.EXPIRED: Status.EXPIRED,
    Change.CANCELLED: Status.CANCELLED,
    Change.DELETED: Status.FAILED,
}
_UNLESS_NOTED: Final = {
    Change.STARTED: Status.SENDING,
    Change.FORWARDED: Status.VALIDATED,
    Change.DONE: Status.SENT,
    Change.RETRIED: Status.RETRYING,
}
_BY_LANE: Final = frozenset({Change.LEASE_LOST, Change.REPLAYED})
_REASON: Final = {
    Change.EXHAUSTED: Reason.ATTEMPTS_EXHAUSTED,
    Change.POISONED: Reason.POISON,
    Change.DAMAGED: Reason.UNDECODABLE,
    Change.AMBIGUOUS: Reason.AMBIGUOUS,
    Change.LEASE_LOST: Reason.LEASE_LOST,
}
_DETAIL: Final = {Change.ADOPTED: "adopted", Change.DELETED: "dead letter deleted"}

MAYBE_SENT: Final = "an earlier attempt may have reached the provider"


def read_note(change: Change, lane: str, note: bytes, *, is_uncertain: bool = False) -> StatusNote:
    """Return what a change and its note say, with the ledger's words where the note has none.

    Where of an attempt before nobody knows whether the provider took it, that is the reason of the
    end; whatever else there is to say becomes its detail.
    """
    words = _words(change, lane, note)
    is_end = words.status in _UNSENT and change is not Change.DELETED
    if not is_uncertain or not is_end or words.reason == Reason.AMBIGUOUS:
        return words
    code = words.reason or MAYBE_SENT
    detail = f"{code}: {words.detail}" if words.detail else code
    return replace(words, reason=Reason.AMBIGUOUS, detail=detail)


def _words(change: Change, lane: str, note: bytes) -> StatusNote:
    # The note of a start that came too late speaks of an attempt that never was.
    said = None if change in {Change.EXPIRED, Change.DAMAGED} else StatusNote.decode(note)
    status = _status(change, lane, said)
    words = replace(said, status=status) if said else StatusNote(status=status)
    # What is damaged, or who replayed it, the queue says in words of its own.
    if change is Change.DAMAGED or (change is Change.REPLAYED and said is None):
        words = replace(words, detail=note.decode("utf-8", "replace") or None)
    if change in _REASON:
        return replace(words, reason=_REASON[change], detail=words.detail or words.reason)
    if words.has_rest():
        return words
    return replace(words, detail=_DETAIL.get(change))


def stands(change: Change, was: Status) -> bool:
    """Tell whether a status stays as it was, because it is final as far as this change goes."""
    if was is Status.FAILED:
        return change not in {Change.REPLAYED, Change.DELETED}
    return was in ENDED


def keeps_retrying(change: Change, was: Status, to: Status) -> bool:
    """Tell whether what is deferred before its next attempt stays what the last one made it."""
    return change is Change.DEFERRED and was is Status.RETRYING and to is Status.VALIDATED


def follows_report(was: Status, reported: Status) -> bool:
    """Tell whether a provider's receipt moves the status."""
    return reported is Status.DELIVERED and was in _UNDER_WAY


def _status(change: Change, lane: str, said: StatusNote | None) -> Status:
    waiting = Status.VALIDATED if lane.startswith(f"{DELIVERY}.") else Status.QUEUED
    if change in _ALWAYS:
        return _ALWAYS[change]
    if change in _BY_LANE:
        return waiting
    return said.status if said else _UNLESS_NOTED.get(change, waiting)
