"""The write half of the ledger: its ports, for what does not happen inside a queue's own script."""

from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.recorder import ChangeEvent

from notification_ledger.reading import LedgerReader
from notification_ledger.status_update import StatusUpdate


class ReceiptWriter(Protocol):
    """Writes down what providers report of messages that they took."""

    async def report_receipt(self, provider: str, message_id: str, update: StatusUpdate) -> bool:
        """Add a receipt to the timeline of the notification that a provider's message is.

        `message_id` is what the provider called it; `update` says the status, a reason, a detail.
        `delivered` follows `sent`. `failed` follows `sent`, too, but never `delivered`, nor where
        the provider took it for several addresses, for the receipt speaks of one. At all else the
        receipt is an entry in the timeline and no more; the same one again is nothing.

        Returns False when no notification has this message: the receipt is kept for ten minutes,
        and applied if one gets it.

        Raises:
            ValueError: the provider, or its id, is empty.
            LedgerUnavailable: it may or may not be written; reporting it again is safe.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class LedgerWriter(ReceiptWriter, Protocol):
    """Writes down what happened. All methods raise `LedgerUnavailable`."""

    async def record(self, recorded: ChangeEvent) -> None:
        """Write down a change, once it has happened. A `Recorder` for a queue.

        A final status is never overwritten; a failed one only by a replay or a deletion.

        Raises:
            LedgerUnavailable: it may or may not be written; writing it again is safe.
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
