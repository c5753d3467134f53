"""Receipts for a ledger that is in another process's memory: asked of it beside the claims."""

from collections.abc import Awaitable, Callable
from typing import Final

from durable_queue.claims.store import Argument, ClaimStore, Reply
from durable_queue.port import QueueUnavailable

from notification_ledger.reading import LedgerUnavailable
from notification_ledger.receipts import receipt_of
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import ReceiptWriter

REPORT_RECEIPT: Final = "report_receipt"
"""The call, given a provider, its id for the message, and the note."""


class RemoteReceiptWriter:
    """A `ReceiptWriter` that asks the process which keeps the claims."""

    def __init__(self, claims: ClaimStore) -> None:
        self._claims = claims

    async def report_receipt(self, provider: str, message_id: str, update: StatusUpdate) -> bool:
        """See `ReceiptWriter.report_receipt`."""
        message, note = receipt_of(provider, message_id, update)
        try:
            (found,) = await self._claims.run(REPORT_RECEIPT, *message, note.decode())
        except QueueUnavailable as error:
            raise LedgerUnavailable(str(error)) from error
        return bool(found)

    async def close(self) -> None:
        """Close the connection."""
        await self._claims.close()


def reports_to(ledger: ReceiptWriter) -> Callable[..., Awaitable[Reply]]:
    """Return what answers the call, in the process that has the ledger."""

    async def report(*arguments: Argument) -> Reply:
        provider, message_id, note = map(str, arguments)
        update = StatusUpdate.decode(note.encode())
        if update is None:
            message = "not a status update"
            raise ValueError(message)
        return (int(await ledger.report_receipt(provider, message_id, update)),)

    return report
