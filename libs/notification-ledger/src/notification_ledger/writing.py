"""The write half of the ledger: its ports, for what does not happen inside a queue's own script."""

from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.recorder import ChangeEvent

from notification_ledger.reading import LedgerReader
from notification_ledger.status_update import StatusUpdate


class LedgerWriter(Protocol):
    """Writes down what happened. Both methods raise `LedgerUnavailable`."""

    async def record(self, recorded: ChangeEvent) -> None:
        """Write down a change, once it has happened. A `Recorder` for a queue.

        A final status is never overwritten; a failed one only by a replay or a deletion.

        Raises:
            LedgerUnavailable: it may or may not be written; writing it again is safe.
        """
        ...

    async def report(self, trace_id: str, update: StatusUpdate) -> bool:
        """Add a provider's receipt to the timeline; `delivered` follows `sent`, nothing else moves.

        Returns False when the notification is unknown.

        Raises:
            LedgerUnavailable: it may or may not be written.
        """
        ...


class LedgerUpkeep(Protocol):
    """What it takes to keep the store in order. All methods raise `LedgerUnavailable`."""

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """Forget notifications that ended before a time, at most `limit`, what ended first first.

        Dead letters have not ended: they stay until they are replayed or deleted. Returns how many
        were forgotten; with `dry_run` nothing is, and it is how many there are.

        Raises:
            LedgerUnavailable: some may be forgotten; doing it again is safe.
        """
        ...

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


class LedgerStore(LedgerReader, LedgerWriter, LedgerUpkeep, Protocol):
    """What an adapter is. Ask for the narrowest part that does."""

    async def ping(self) -> None:
        """Ask the store for an answer. Raises `LedgerUnavailable`."""
        ...

    async def close(self) -> None:
        """Close connections. Followers get an error that the ledger is unavailable."""
        ...
