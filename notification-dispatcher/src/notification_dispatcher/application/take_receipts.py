"""What providers report: of messages to the ledger, of addresses to the user-service."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from notification_contracts.states import Reason, Status
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import ReceiptWriter
from notification_providers.port import (
    AddressReport,
    ForgedReceipt,
    Receipt,
    ReceiptReader,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)

from notification_dispatcher.application.ports import HealthReports, UnknownProvider
from notification_dispatcher.application.provider_states import NamedProvider

_ENDS: Final[Mapping[ReceiptStatus, Status]] = {
    ReceiptStatus.DELIVERED: Status.DELIVERED,
    ReceiptStatus.FAILED: Status.FAILED,
}

Item = Receipt | AddressReport


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenReceipts:
    """What was read from one request. `parked` receipts came before the record of their message."""

    provider: str
    items: Sequence[Item]
    parked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeReceipts:
    """Read what a provider posted, and return only once all of it is stored.

    A provider that gets no such answer posts it again, which changes nothing. That a message is
    still under way is no news, and not stored.
    """

    providers: Sequence[NamedProvider]
    ledger: ReceiptWriter
    addresses: HealthReports

    async def __call__(self, name: str, request: ReceiptRequest) -> TakenReceipts:
        """Take what was posted to the provider `name`.

        Raises:
            UnknownProvider: there is none that gives receipts.
            ForgedReceipt: its signature is missing or wrong.
            UnreadableReceipt: it can't be understood.
            LedgerUnavailable, HealthReportsUnavailable: some of it may not be stored.
        """
        named, items = self._read(name, request)
        parked = 0
        for receipt in items:
            if isinstance(receipt, Receipt) and (end := _ENDS.get(receipt.status)):
                update = _update(receipt, end, named)
                is_known = await self.ledger.report_receipt(named.name, receipt.message_id, update)
                parked += not is_known
        reports = [each for each in items if isinstance(each, AddressReport)]
        if reports:
            # Which notification it was, nobody says; but the same post again is no second bounce.
            trace_id = hashlib.sha256(request.body).hexdigest()
            await self.addresses.report(reports, provider=named.name, trace_id=trace_id)
        return TakenReceipts(provider=named.name, items=items, parked=parked)

    def _read(self, name: str, request: ReceiptRequest) -> tuple[NamedProvider, Sequence[Item]]:
        forged: ForgedReceipt | None = None
        for named, reader in self._readers(name):
            try:
                return named, _with_ids(reader.read(request))
            except ForgedReceipt as error:
                forged = error
        raise forged or UnknownProvider(name)

    def _readers(self, name: str) -> Iterator[tuple[NamedProvider, ReceiptReader]]:
        """Give all that may be meant: two accounts of one kind may post to the same address.

        Whose it is, the signature says.
        """
        for exact in (True, False):
            for each in self.providers:
                is_meant = each.name == name if exact else each.provider.name == name != each.name
                if is_meant and isinstance(each.provider, ReceiptReader):
                    yield each, each.provider


def _with_ids(items: Sequence[Item]) -> Sequence[Item]:
    if any(isinstance(each, Receipt) and not each.message_id for each in items):
        raise UnreadableReceipt("it does not say of which message it speaks")
    return items


def _update(receipt: Receipt, status: Status, named: NamedProvider) -> StatusUpdate:
    reason = receipt.reason
    if status is Status.FAILED and reason is None:
        reason = Reason.PROVIDER_REJECTED
    return StatusUpdate(
        status=status,
        reason=reason,
        detail=receipt.detail,
        channel=named.channel,
        provider=named.name,
    )
