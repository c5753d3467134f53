"""What each change makes of a notification's record: one table.

`redis/rendering.py` renders it for the scripts; what is below the table, `record.lua` says in Lua.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Final

from durable_queue.messages import Change
from notification_contracts.lanes import DELIVERY
from notification_contracts.states import Reason, Status

from notification_ledger.reading import NotificationRecord, TimelineEntry
from notification_ledger.status_update import StatusUpdate

FINAL: Final = frozenset(status for status in Status if status.is_final)
OPEN: Final = frozenset(Status) - FINAL
ENDED: Final = FINAL - {Status.FAILED}
"""What is over; one that failed is a dead letter, which may be replayed or deleted."""
UNSENT: Final = FINAL - {Status.SENT, Status.DELIVERED}
REPORTED: Final = "reported"
"""The change that a provider's receipt is."""
REPORTED_OF_ONE: Final = "reported_of_one"
"""The same, where a provider took the notification for several addresses, and speaks of one."""
NOT_REPLAYABLE: Final = frozenset({Change.DELETED, REPORTED})
"""What makes a notification fail of which the queue has no message any more: no dead letter."""
MAYBE_SENT: Final = "an earlier attempt may have reached the provider"
PARKED_FOR: Final = timedelta(minutes=10)
"""How long a receipt waits for the record of which it speaks."""
MAX_PARKED: Final = 16
"""How many receipts may wait for one record."""
KEPT_FIELDS: Final = tuple(
    each.name
    for each in fields(StatusUpdate)
    if each.name in NotificationRecord.__slots__ and each.name not in {"status", "reason"}
)
"""What a record keeps of an update, until another one says something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one change makes of a record.

    The status is what the update says, if `heeds_update`, else `to`; without either it is that of
    what waits in its lane. The record moves there only from one of `moves_from`, or of `moves_to`
    where the way depends on the status: at all others the change leaves a timeline entry and no
    more. One that has the status `keeps` does not fall back to waiting. `reason` and `detail` are
    the ledger's own words.
    """

    to: Status | None = None
    heeds_update: bool = False
    moves_from: frozenset[Status] = OPEN
    moves_to: Mapping[Status, frozenset[Status]] | None = None
    keeps: Status | None = None
    reason: Reason | None = None
    detail: str | None = None


_NOTHING: Final[frozenset[Status]] = frozenset()
_OF_DEAD_LETTERS: Final = OPEN | {Status.FAILED}
_AFTER_START: Final = frozenset({Status.SENDING, Status.RETRYING, Status.SENT})

RULES: Final[Mapping[str, Rule]] = {
    Change.ENQUEUED: Rule(to=Status.QUEUED, moves_from=_NOTHING),
    Change.SCHEDULED: Rule(to=Status.SCHEDULED, moves_from=_NOTHING),
    Change.ADOPTED: Rule(to=Status.QUEUED, moves_from=_NOTHING, detail="adopted"),
    Change.PROMOTED: Rule(to=Status.QUEUED, moves_from=frozenset({Status.SCHEDULED})),
    Change.STARTED: Rule(to=Status.SENDING, heeds_update=True),
    Change.FORWARDED: Rule(to=Status.VALIDATED, heeds_update=True),
    Change.DONE: Rule(to=Status.SENT, heeds_update=True),
    Change.RETRIED: Rule(to=Status.RETRYING, heeds_update=True),
    Change.DEFERRED: Rule(heeds_update=True, keeps=Status.RETRYING),
    Change.RELEASED: Rule(heeds_update=True),
    Change.LEASE_LOST: Rule(reason=Reason.LEASE_LOST),
    Change.DEAD: Rule(to=Status.FAILED),
    Change.EXHAUSTED: Rule(to=Status.FAILED, reason=Reason.ATTEMPTS_EXHAUSTED),
    Change.POISONED: Rule(to=Status.FAILED, reason=Reason.POISON),
    Change.DAMAGED: Rule(to=Status.FAILED, reason=Reason.UNDECODABLE),
    Change.AMBIGUOUS: Rule(to=Status.FAILED, reason=Reason.AMBIGUOUS),
    Change.EXPIRED: Rule(to=Status.EXPIRED),
    Change.CANCELLED: Rule(to=Status.CANCELLED),
    Change.REPLAYED: Rule(moves_from=_OF_DEAD_LETTERS),
    Change.DELETED: Rule(
        to=Status.FAILED, moves_from=_OF_DEAD_LETTERS, detail="dead letter deleted"
    ),
    REPORTED: Rule(
        heeds_update=True,
        moves_to={Status.DELIVERED: _AFTER_START, Status.FAILED: frozenset({Status.SENT})},
    ),
    REPORTED_OF_ONE: Rule(heeds_update=True, moves_to={Status.DELIVERED: _AFTER_START}),
}
RECEIPTS: Final = frozenset({REPORTED, REPORTED_OF_ONE})


def is_first(change: str) -> bool:
    """Tell whether a change begins a record; one that exists is left as it is."""
    return not RULES[change].moves_from


def moves(change: str, was: Status, to: Status) -> bool:
    """Tell whether a change moves a record that has the status `was` to another."""
    rule = RULES[change]
    return was in (rule.moves_from if rule.moves_to is None else rule.moves_to.get(to, _NOTHING))


def keeps_status(change: str, was: Status, to: Status) -> bool:
    """Tell whether what waits again in its lane stays what its last attempt made it."""
    return was is RULES[change].keeps and to is Status.VALIDATED


def read_update(change: str, lane: str, note: bytes, *, is_uncertain: bool = False) -> StatusUpdate:
    """Return what a change and its note say, with the ledger's words where the note has none.

    If it is unknown whether the provider took an earlier attempt, that is the reason of the
    end; whatever else there is to say becomes its detail.
    """
    words = _words(change, lane, note)
    is_end = words.status in UNSENT and change != Change.DELETED
    if not is_uncertain or not is_end or words.reason == Reason.AMBIGUOUS:
        return words
    code = words.reason or MAYBE_SENT
    detail = f"{code}: {words.detail}" if words.detail else code
    return replace(words, reason=Reason.AMBIGUOUS, detail=detail)


def _words(change: str, lane: str, note: bytes) -> StatusUpdate:
    rule = RULES[change]
    # The update of a start that came too late speaks of an attempt that never was.
    said = None if change == Change.EXPIRED else StatusUpdate.decode(note)
    waiting = Status.VALIDATED if lane.startswith(f"{DELIVERY}.") else Status.QUEUED
    status = said.status if said and rule.heeds_update else rule.to or waiting
    words = replace(said, status=status) if said else StatusUpdate(status=status)
    # Of what is damaged, or who put it back, the queue speaks in plain words.
    if said is None and change in {Change.DAMAGED, Change.REPLAYED}:
        words = replace(words, detail=note.decode("utf-8", "replace") or None)
    if rule.reason:
        words = replace(words, reason=rule.reason, detail=words.detail or words.reason)
    return replace(words, detail=words.detail or rule.detail)


def messages_of(told: StatusUpdate | TimelineEntry) -> frozenset[tuple[str, str]]:
    """Return the messages that an update or an entry names: each a provider and its id for it."""
    named = [(told.provider, told.message_id)]
    named += [(each.provider or told.provider, each.message_id) for each in told.targets or ()]
    return frozenset((provider, name) for provider, name in named if provider and name)
