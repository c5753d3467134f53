"""What the ledger keeps in Redis, as values: a message's `n:` fields and its timeline."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from notification_contracts.states import Status

from notification_ledger.notes import unpack
from notification_ledger.record import NotificationRecord, RecordQuery, TimelineEntry

DELETED: Final = "deleted"
"""How the index and `n:s` call a dead letter that was deleted; its status is `failed`."""

_KEPT: Final = frozenset({DELETED, *map(str, Status)})
_NUMBER: Final = re.compile(r"\d{1,14}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = Sequence[str | None]
"""What `records.lua` returns: status, reason, channel, attempts, user id, created, updated, due,
timeline; times in ms. All None where nothing is known.
"""


def to_ms(at: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Return the time that is so many milliseconds after 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def is_readable(row: Row) -> bool:
    """Tell whether a row is a record: known, and not made something else of by hand."""
    kept, _, _, attempts, _, created, updated, due, _ = row
    numbers = (attempts or "0", created or "", updated or "", due or "0")
    return kept in _KEPT and all(_NUMBER.fullmatch(number) for number in numbers)


def matches(row: Row, query: RecordQuery) -> bool:
    """Tell whether a known record passes all filters of a query."""
    kept, reason, channel, _, user_id, _, updated, *_ = (value or "" for value in row)
    if query.dead_letters and kept != Status.FAILED:
        return False
    wanted = (
        (query.status, status_of(kept)),
        (query.reason, reason),
        (query.channel, channel),
        (query.user_id, user_id),
    )
    if any(filter_ is not None and filter_ != value for filter_, value in wanted):
        return False
    at = from_ms(int(updated))
    return (query.since is None or query.since <= at) and (query.until is None or at < query.until)


def record_of(trace_id: str, row: Row) -> NotificationRecord:
    """Return the record that a row holds."""
    kept, reason, channel, attempts, user_id, created, updated, due, timeline = (
        value or "" for value in row
    )
    return NotificationRecord(
        trace_id=trace_id,
        user_id=user_id or None,
        channel=channel or None,
        status=status_of(kept),
        reason=reason or None,
        attempts=int(attempts or 0),
        created_at=from_ms(int(created)),
        updated_at=from_ms(int(updated)),
        next_attempt_at=from_ms(int(due)) if due not in {"", "0"} else None,
        timeline=tuple(entry for line in timeline.split("\n") if (entry := _entry_of(line))),
        is_dead_letter=kept == Status.FAILED,
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
            **unpack(rest),
        )
    except (ValueError, OverflowError, AttributeError, TypeError):
        return None  # edited by hand; the other lines still say what they say
