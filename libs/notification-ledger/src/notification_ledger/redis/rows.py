"""What the ledger keeps in Redis, as values: a message's `n:` fields and its timeline."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from notification_contracts.states import Status
from service_kit.epoch import from_ms

from notification_ledger.reading import NotificationRecord, RecordQuery, TimelineEntry
from notification_ledger.rules import KEPT_FIELDS
from notification_ledger.status_update import known_fields, labels_of

DELETED: Final = "deleted"
"""How Redis keeps the status of a dead letter that was deleted; readers say `failed`."""
_KEPT_STATUSES: Final = frozenset({DELETED, *map(str, Status)})
_NUMBER: Final = re.compile(r"\d{1,14}")


def labels_in(text: str) -> tuple[str, ...]:
    """Return the labels that a hash keeps as JSON; none if somebody edited them by hand."""
    try:
        return labels_of(json.loads(text or "[]"))
    except ValueError:
        return ()


def _is_one(text: str) -> bool:
    return text == "1"


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field of `KEPT_FIELDS` is in a message's hash, and how it is read there."""

    key: str
    read: Callable[[str], Any] = str


COLUMNS: Final[Mapping[str, Column]] = {
    "user_id": Column("n:u"),
    "channel": Column("n:c"),
    "attempts": Column("n:a", int),
    "delivery_mode": Column("n:d"),
    "tags": Column("n:g", labels_in),
    "reference": Column("n:f"),
    "is_test": Column("n:k", _is_one),
}
HASH_FIELDS: Final = (
    *("n:s", "n:r", "n:ct", "n:ut", "n:nx"),
    *(COLUMNS[name].key for name in KEPT_FIELDS),
)
"""What `records.lua` reads of a message's hash; its timeline comes after that."""

_ENTRY_COLUMNS: Final = ("at", "status", "reason", "channel")
_ENTRY_REST: Final = tuple(
    each.name for each in fields(TimelineEntry) if each.name not in _ENTRY_COLUMNS
)
NOT_IN_REST: Final = tuple(
    dict.fromkeys((*_ENTRY_COLUMNS[1:], *(name for name in KEPT_FIELDS if name not in _ENTRY_REST)))
)
"""What the JSON of a timeline's line leaves out: it has a column there, or is kept in the hash."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one notification, as text; times in ms, '' where there is nothing."""

    status: str
    reason: str
    created: str
    updated: str
    due: str
    kept: Mapping[str, str]
    timeline: str

    @property
    def is_readable(self) -> bool:
        """Whether this is a record: known, and not made something else of by hand."""
        numbers = (self.created, self.updated, self.due or "0", self.kept["attempts"] or "0")
        return self.status in _KEPT_STATUSES and all(map(_NUMBER.fullmatch, numbers))


def row_of(reply: Sequence[str | None]) -> Row:
    """Return the row that `records.lua` replied; all empty where nothing is known."""
    status, reason, created, updated, due, *kept, timeline = (value or "" for value in reply)
    by_name = dict(zip(KEPT_FIELDS, kept, strict=True))
    return Row(status, reason, created, updated, due, by_name, timeline)


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
        timeline=tuple(entry for line in row.timeline.split("\n") if (entry := _entry_of(line))),
        is_dead_letter=row.status == Status.FAILED,
        **{name: COLUMNS[name].read(text) for name, text in row.kept.items() if text},
    )


def status_of(kept: str) -> Status:
    """Return the status that is kept under this name."""
    return Status.FAILED if kept == DELETED else Status(kept)


def _entry_of(line: str) -> TimelineEntry | None:
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
