"""Resend's webhooks: signed as Svix does, which Standard Webhooks has taken over.

Sources: https://resend.com/docs/webhooks/event-types,
https://resend.com/docs/webhooks/emails/bounced,
https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from pydantic import BaseModel, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from notification_providers.mailboxes import without_addresses
from notification_providers.port import (
    AddressReport,
    ForgedReceipt,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)

_SIGNED: Final = ("id", "timestamp", "signature")
_FAILURES: Final = frozenset({"email.bounced", "email.failed", "email.suppressed"})


class _Bounce(BaseModel):
    type: str = ""
    message: str = ""

    @property
    def is_hard(self) -> bool:
        return self.type.casefold() == "permanent"


class _Failed(BaseModel):
    reason: str = ""


class _Email(BaseModel):
    email_id: str = ""
    to: list[str] = []
    bounce: _Bounce = _Bounce()
    failed: _Failed = _Failed()


class _Event(BaseModel):
    type: str
    created_at: datetime | None = None
    data: _Email


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendReceipts:
    """Reads what Resend posts. Without its secret nothing is believed."""

    channel: ChannelName
    secret: str | None = field(repr=False)

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader.read`."""
        self._check_signature(request)
        try:
            event = _Event.model_validate_json(request.body)
        except ValidationError as error:
            raise UnreadableReceipt("it is no event of an e-mail") from error
        return list(self._items(event))

    def _check_signature(self, request: ReceiptRequest) -> None:
        if self.secret is None:
            raise ForgedReceipt("there is no webhook_secret")
        headers = {f"webhook-{name}": request.headers.get(f"svix-{name}", "") for name in _SIGNED}
        try:
            Webhook(self.secret).verify(request.body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            raise ForgedReceipt("its signature is wrong, or too old") from error

    def _items(self, event: _Event) -> Iterator[Receipt | AddressReport]:
        email = event.data
        what, reason = _what_is_learnt(event), _reason(event)
        words = without_addresses(email.bounce.message or email.failed.reason or event.type)
        if event.type == "email.delivered":
            yield Receipt(
                message_id=email.email_id, status=ReceiptStatus.DELIVERED, at=event.created_at
            )
        elif event.type in _FAILURES:
            yield Receipt(
                message_id=email.email_id,
                status=ReceiptStatus.FAILED,
                reason=reason,
                detail=words,
                at=event.created_at,
            )
        if what is not None and email.to:
            yield AddressReport(
                channel=self.channel,
                kind=what,
                address=email.to[0],
                reason=reason,
                evidence=words,
                at=event.created_at,
            )


def _reason(event: _Event) -> Reason | None:
    match event.type:
        case "email.bounced" if event.data.bounce.is_hard:
            return Reason.ADDRESS_GONE
        case "email.bounced" | "email.failed":
            return Reason.PROVIDER_REJECTED
        case "email.suppressed":
            return Reason.SUPPRESSED
        case _:
            return None


def _what_is_learnt(event: _Event) -> ReportKind | None:
    """Return what an event says of its address: it is the only one, for each mail has one."""
    match event.type:
        case "email.complained":
            return ReportKind.COMPLAINT
        case "email.bounced":
            is_hard = event.data.bounce.is_hard
            return ReportKind.BOUNCE if is_hard else ReportKind.SOFT_BOUNCE
        case _:
            return None
