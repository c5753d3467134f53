"""What the ledger keeps in Redis of a message, as values.

It is a text: the queue's line, of which the second column says when it was made; a line of columns,
`TOLD`; then the timeline, a line per entry, whose last columns may be left out: a letter for the
status and how many ms after it was made, the reason, the channel (that of the line before if it is
empty), provider, attempt, duration in ms, the provider's id, and all else as JSON.

The release before kept a hash, `FORMER_COLUMNS`, and a timeline beside it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from notification_contracts.states import Status
from service_kit.epoch import from_ms

from notification_ledger.reading import NotificationRecord, RecordQuery, TimelineEntry
from notification_ledger.rules import KEPT_FIELDS
from notification_ledger.status_update import known_fields, labels_of

DELETED: Final = "deleted"
"""How Redis keeps the status of a dead letter that was deleted; readers say `failed`."""
LETTERS: Final[Mapping[str, str]] = {
    Status.SCHEDULED: "c",
    Status.QUEUED: "q",
    Status.VALIDATED: "v",
    Status.SENDING: "s",
    Status.RETRYING: "r",
    Status.SENT: "t",
    Status.DELIVERED: "d",
    Status.FAILED: "f",
    Status.EXPIRED: "e",
    Status.CANCELLED: "x",
    DELETED: "z",
}
"""What a timeline's line calls each status. Its place here is its rank in `P:x`: add at the end."""
RANKS: Final[Mapping[str, int]] = {status: rank for rank, status in enumerate(LETTERS)}
RANK_STEP: Final = 2**42
"""In `P:x` a score is the status' rank times this, and the ms at which the record was made."""
LISTED: Final = (Status.SENT, Status.DELIVERED)
"""Most records are of these: they are not in `P:x` but in lists, in a third of the memory."""
LIST_STEP: Final = 4096
"""For how many ms there is one list."""
_STATUS_OF: Final = {letter: status for status, letter in LETTERS.items()}
_NUMBER: Final = re.compile(r"\d{1,14}")
_DIFFERENCE: Final = re.compile(r"-?\d{1,14}")


def labels_in(text: str) -> tuple[str, ...]:
    """Return the labels that a hash keeps as JSON; none if somebody edited them by hand."""
    try:
        return labels_of(json.loads(text or "[]"))
    except ValueError:
        return ()


def _is_one(text: str) -> bool:
    return text == "1"


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "attempts": int,
    "tags": labels_in,
    "is_test": _is_one,
}
TOLD: Final = ("status", "reason", "updated", "due", *KEPT_FIELDS)
"""The columns of a record: `updated` in ms after it was made, `due` in ms since 1970."""
_FORMER_NAMES: Final = {
    "user_id": "n:u",
    "channel": "n:c",
    "attempts": "n:a",
    "delivery_mode": "n:d",
    "tags": "n:g",
    "reference": "n:f",
    "is_test": "n:k",
}
FORMER_FIELDS: Final = tuple(_FORMER_NAMES[name] for name in KEPT_FIELDS)
FORMER_COLUMNS: Final = ("n:s", "n:r", "n:ct", "n:ut", "n:nx", *FORMER_FIELDS)
"""What `records.lua` reads of a hash of the release before; its timeline comes after that."""

_ENTRY_COLUMNS: Final = ("at", "status", "reason", "channel")
_ENTRY_REST: Final = tuple(
    each.name for each in fields(TimelineEntry) if each.name not in _ENTRY_COLUMNS
)
NOT_IN_REST: Final = tuple(
    dict.fromkeys((*_ENTRY_COLUMNS[1:], *(name for name in KEPT_FIELDS if name not in _ENTRY_REST)))
)
"""What the JSON of a timeline's line leaves out: it has a column there, or is kept beside it."""
_LINE: Final = ("provider", "attempt", "duration_ms", "message_id")
"""What else has a column in a line, unless it is of another type than it should be."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one notification, as text; times in ms since 1970, '' where none is."""

    status: str = ""
    reason: str = ""
    created: str = ""
    updated: str = ""
    due: str = ""
    kept: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(KEPT_FIELDS, ""))
    lines: Sequence[str] = ()
    """The timeline; `is_former` tells in which form."""
    is_former: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether this is a record: known, and not made something else of by hand."""
        numbers = (self.created, self.updated, self.due or "0", self.kept["attempts"] or "0")
        return self.status in LETTERS and all(map(_NUMBER.fullmatch, numbers))

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]:
        """The entries of a readable record."""
        if self.is_former:
            return tuple(entry for line in self.lines if (entry := _former_entry(line)))
        return tuple(_entries(self.lines, int(self.created)))


def row_of(reply: Sequence[str | None]) -> Row:
    """Return the row that `records.lua` replied; all empty where nothing is known."""
    if len(reply) > 1:
        status, reason, created, updated, due, *kept, timeline = (value or "" for value in reply)
        by_name, lines = _by_name(kept), timeline.split("\n")
        return Row(status, reason, created, updated, due, by_name, lines, is_former=True)
    own, *rest = (reply[0] or "" if reply else "").split("\n")
    told = rest[0].split("\t") if rest else []
    if len(told) != len(TOLD):
        return Row()
    status, reason, since, due, *kept = told
    created = own.partition("\t")[2].partition("\t")[0]
    is_known = _NUMBER.fullmatch(created) and _DIFFERENCE.fullmatch(since)
    updated = str(int(created) + int(since)) if is_known else ""
    return Row(status, reason, created, updated, due, _by_name(kept), rest[1:])


def _by_name(kept: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(KEPT_FIELDS, kept, strict=True))


def matches(row: Row, query: RecordQuery) -> bool:
    """Tell whether a known record passes all filters of a query."""
    if query.dead_letters and row.status != Status.FAILED:
        return False
    wanted = (
        (query.status, status_of(row.status)),
        (query.reason, row.reason),
        (query.channel, row.kept["channel"]),
        (query.user_id, row.kept["user_id"]),
        (query.reference, row.kept["reference"]),
    )
    if any(filter_ is not None and filter_ != value for filter_, value in wanted):
        return False
    if query.tag is not None and query.tag not in labels_in(row.kept["tags"]):
        return False
    at = from_ms(int(row.updated))
    return (query.since is None or query.since <= at) and (query.until is None or at < query.until)


def record_of(trace_id: str, row: Row) -> NotificationRecord:
    """Return the record that a row holds."""
    return NotificationRecord(
        trace_id=trace_id,
        status=status_of(row.status),
        reason=row.reason or None,
        created_at=from_ms(int(row.created)),
        updated_at=from_ms(int(row.updated)),
        next_attempt_at=from_ms(int(row.due)) if row.due not in {"", "0"} else None,
        timeline=row.timeline,
        is_dead_letter=row.status == Status.FAILED,
        **{name: _READ.get(name, str)(text) for name, text in row.kept.items() if text},
    )


def status_of(kept: str) -> Status:
    """Return the status that is kept under this name."""
    return Status.FAILED if kept == DELETED else Status(kept)


def _entries(lines: Sequence[str], created_ms: int) -> Iterator[TimelineEntry]:
    shown = ""
    for line in lines:
        try:
            mark, *columns = line.split("\t", len(_LINE) + 3)
            reason, channel, provider, attempt, duration, message, rest = _padded(columns)
            shown = channel or shown
            said = {
                "provider": provider or None,
                "attempt": json.loads(attempt) if attempt else None,
                "duration_ms": json.loads(duration) if duration else None,
                "message_id": message or None,
                **known_fields(rest, _ENTRY_REST),
            }
            yield TimelineEntry(
                at=from_ms(created_ms + int(mark[1:])),
                status=status_of(_STATUS_OF[mark[:1]]),
                reason=reason or None,
                channel=shown or None,
                **said,
            )
        except (KeyError, ValueError, OverflowError, AttributeError, TypeError):
            continue  # edited by hand; the other lines still say what they say


def _padded(columns: Sequence[str]) -> Sequence[str]:
    return [*columns, *("" for _ in range(len(_LINE) + 3 - len(columns)))]


def _former_entry(line: str) -> TimelineEntry | None:
    try:
        at, status, reason, channel, rest = line.split("\t", 4)
        return TimelineEntry(
            at=from_ms(int(at)),
            status=Status(status),
            reason=reason or None,
            channel=channel or None,
            **known_fields(rest, _ENTRY_REST),
        )
    except (ValueError, OverflowError, AttributeError, TypeError):
        return None  # edited by hand; the other lines still say what they say
