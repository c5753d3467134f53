"""Providers in memory: twins of the ports, for tests."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notification_contracts.address_reports import ReportKind

from notification_providers.port import (
    Accepted,
    AddressReport,
    CheckResult,
    ForgedReceipt,
    NotTaken,
    OutgoingMessage,
    ProviderAnswer,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    Repeating,
    UncertainFailure,
    UnreadableReceipt,
)


@dataclass(kw_only=True)
class InMemoryProvider:
    """Keeps what it was handed; answers with those to the address, then with `answers` in turn, and
    then accepts.
    """

    name: str = "in-memory"
    repeating: Repeating = Repeating.NEITHER
    answers: list[ProviderAnswer] = field(default_factory=list)
    answers_to: dict[str, list[ProviderAnswer]] = field(default_factory=dict)
    sent: list[OutgoingMessage] = field(default_factory=list)
    is_closed: bool = False

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Take the message, and give the next answer."""
        self.sent.append(message)
        answers = self.answers_to.get(message.address) or self.answers
        return answers.pop(0) if answers else Accepted()

    async def close(self) -> None:
        """See `Provider`."""
        self.is_closed = True


@dataclass(kw_only=True)
class InMemoryCheckableProvider(InMemoryProvider):
    """One that can be checked: it says what was `found`, or, as long as it `hangs`, nothing."""

    found: CheckResult = field(default_factory=lambda: CheckResult(is_ok=True, words="welcome"))
    hangs: bool = False

    async def check(self) -> CheckResult:
        """See `CheckableProvider`."""
        if self.hangs:
            await asyncio.Event().wait()
        return self.found


@dataclass(kw_only=True)
class InMemoryReceiptReader(InMemoryProvider):
    """One that gives receipts: each is signed by the URL and the body, with this `key` between.

    The body is a JSON array of objects with the fields of `Receipt` or of `AddressReport`.
    """

    key: str = field(default="key", repr=False)

    def sign(self, url: str, body: bytes) -> str:
        """Return what the header `x-signature` of a receipt must be."""
        return hashlib.sha256(f"{url}\n{self.key}\n".encode() + body).hexdigest()

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader`."""
        given = request.headers.get("x-signature", "")
        if not hmac.compare_digest(given.encode(), self.sign(request.url, request.body).encode()):
            raise ForgedReceipt("its signature is wrong")
        try:
            return [_item(fields) for fields in json.loads(request.body)]
        except (ValueError, TypeError) as error:
            raise UnreadableReceipt("it is no list of receipts and reports") from error


def _item(fields: dict[str, Any]) -> Receipt | AddressReport:
    if "kind" in fields:
        return AddressReport(**fields | {"kind": ReportKind(fields["kind"])})
    return Receipt(**fields | {"status": ReceiptStatus(fields["status"])})


@dataclass(kw_only=True)
class InMemoryAskableProvider(InMemoryProvider):
    """One that can be asked: it gives the answers in `found` in turn, then says it took nothing."""

    repeating: Repeating = Repeating.ASKABLE
    found: list[Accepted | NotTaken | UncertainFailure] = field(default_factory=list)
    asked: list[tuple[OutgoingMessage, datetime]] = field(default_factory=list)

    async def find(
        self, message: OutgoingMessage, *, since: datetime
    ) -> Accepted | NotTaken | UncertainFailure:
        """See `AskableProvider`."""
        self.asked.append((message, since))
        return self.found.pop(0) if self.found else NotTaken()
