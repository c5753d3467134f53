"""The ledger's port: what every adapter promises, whatever keeps the records.

Errors:

    LedgerError
    ├── LedgerUnavailable  the store can't be reached or refuses
    └── InvalidCursor      a cursor or a change id that this ledger never gave out
"""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.recorder import ChangeEvent

from notification_ledger.notes import StatusNote
from notification_ledger.record import (
    ChangesMissed,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
)


class LedgerError(Exception):
    """Base of all errors that a ledger raises."""


class LedgerUnavailable(LedgerError):
    """Raised when the store can't be reached or refuses."""


class InvalidCursor(LedgerError):
    """Raised for a cursor, or a change id, that this ledger never gave out."""


class Ledger(Protocol):
    """The record of every notification, for reading."""

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """Return what is known of one notification; None if it is unknown or forgotten.

        Raises:
            LedgerUnavailable: the store can't be reached.
        """
        ...

    async def find(self, query: RecordQuery) -> RecordPage:
        """List records, newest first.

        A page is short while it has a `next_cursor` only when the bound on how many records one
        call looks at was reached.

        Raises:
            InvalidCursor: the query's cursor is none of this ledger's.
            LedgerUnavailable: the store can't be reached.
        """
        ...

    def changes(
        self, after: str | None = None, *, trace_id: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """Follow status changes for ever: those after the change `after`, or from now on.

        With `trace_id`, those of one notification. `ChangesMissed` comes first when changes right
        after `after` are no longer kept; then what is kept follows.

        Raises:
            InvalidCursor: `after` is no change id.
            LedgerUnavailable: the store can't be reached; follow again after the last id.
        """
        ...

    async def latest_change(self) -> str:
        """Return the id of the latest change, from which `changes` can go on.

        Ask for it before reading a record, and nothing that happens after the reading is missed.

        Raises:
            LedgerUnavailable: the store can't be reached.
        """
        ...


class LedgerWriter(Protocol):
    """The ledger's write side, for what does not happen inside a queue's own script."""

    async def record(self, recorded: ChangeEvent) -> None:
        """Write down a change, once it has happened. A `Recorder` for a queue.

        A final status is never overwritten; a failed one only by a replay or a deletion.

        Raises:
            LedgerUnavailable: it may or may not be written; writing it again is safe.
        """
        ...

    async def report(self, trace_id: str, note: StatusNote) -> bool:
        """Add a provider's receipt to the timeline; `delivered` follows `sent`, nothing else moves.

        Returns False when the notification is unknown.

        Raises:
            LedgerUnavailable: it may or may not be written.
        """
        ...

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """Forget notifications that ended before a time, at most `limit`, what ended first first.

        Dead letters have not ended: they stay until they are replayed or deleted. Returns how many
        were forgotten; with `dry_run` nothing is, and it is how many there are.

        Raises:
            LedgerUnavailable: some may be forgotten; doing it again is safe.
        """
        ...


class LedgerStore(Ledger, LedgerWriter, Protocol):
    """What an adapter is. Ask for the narrowest part that does."""

    async def overdue(self, by: timedelta) -> int:
        """Count notifications that wait, though their time came at least `by` ago.

        Their broker may have lost them, or nothing takes them up. Raises `LedgerUnavailable`.
        """
        ...

    async def fullness(self) -> float | None:
        """Return which share of the store's memory is used, 0 to 1; None if it has no limit.

        Raises `LedgerUnavailable`.
        """
        ...

    async def ping(self) -> None:
        """Ask the store for an answer. Raises `LedgerUnavailable`."""
        ...

    async def close(self) -> None:
        """Close connections. Whoever follows changes is told that the ledger is unavailable."""
        ...
