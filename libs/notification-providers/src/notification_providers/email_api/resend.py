"""Sends by Resend's HTTP API, or by one that speaks the same: one POST, repeatable by its key.

Sources: https://resend.com/docs/api-reference/emails/send-email,
https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from notification_contracts.states import Reason
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from notification_providers.email_api.answers import name_of, read_send, words_of
from notification_providers.email_api.receipts import ResendReceipts
from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.mailboxes import (
    UnmailableAddress,
    mailbox,
    one_line,
    read_mailbox,
    subject_of,
)
from notification_providers.options import checked_url, read_token
from notification_providers.port import (
    AddressReport,
    CheckResult,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Receipt,
    ReceiptRequest,
    Repeating,
)
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

DEFAULT_HOST: Final = "https://api.resend.com"
_OPTIONS: Final = ("ca", "from", "host", "reply_to", "webhook_secret")


@dataclass(slots=True, kw_only=True)
class ResendProvider:
    """One sender of one account. `sender` and `reply_to` are as they stand in a header."""

    api_key: str = field(repr=False)
    base_url: str
    sender: str
    reply_to: str | None
    receipts: ResendReceipts
    http: HttpCaller
    now: Callable[[], datetime]
    name: str = "resend"
    repeating: Repeating = Repeating.IDEMPOTENT

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Post the message."""
        try:
            mail = self._mail(message)
        except UnmailableAddress as error:
            return PermanentFailure(
                reason=Reason.INVALID_ADDRESS, detail=str(error), fault=FaultSide.RECIPIENT
            )
        headers = {"content-type": "application/json", "idempotency-key": message.idempotency_key}
        answer = await self.http.call(
            "POST",
            f"{self.base_url}/emails",
            headers={**self._headers, **headers},
            body=json.dumps(mail).encode(),
        )
        return read_send(answer, self.now()) if isinstance(answer, HttpAnswer) else answer

    async def check(self) -> CheckResult:
        """List the domains: that needs the key, and sends nothing."""
        answer = await self.http.call("GET", f"{self.base_url}/domains", headers=self._headers)
        if not isinstance(answer, HttpAnswer):
            return CheckResult(is_ok=False, words=answer.detail)
        if name_of(answer.json()) == "restricted_api_key":
            return CheckResult(is_ok=True, words="the key may send, and do nothing else")
        words = "the key is good" if answer.is_success else words_of(answer)
        return CheckResult(is_ok=answer.is_success, words=words)

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader`."""
        return self.receipts.read(request)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.api_key}", "user-agent": "asyncnotify"}

    def _mail(self, message: OutgoingMessage) -> dict[str, Any]:
        """Make the body. It must be the same for the same key, so it holds no time."""
        headers = {name: one_line(value) for name, value in message.headers.items()}
        mail = {
            "from": self.sender,
            "to": [mailbox(message.address)],
            "subject": subject_of(message),
            "text": message.message,
            "headers": {"Auto-Submitted": "auto-generated", **headers},
        }
        if message.html:
            mail["html"] = message.html
        if self.reply_to:
            mail["reply_to"] = self.reply_to
        return mail


def resend_provider(url: ProviderUrl, context: ProviderContext) -> ResendProvider:
    """Make the provider that a `resend://KEY@/?from=ADDRESS` URL describes."""
    url.only_options(_OPTIONS)
    options = url.options
    if not url.user or url.password or url.host or url.path.strip("/"):
        raise InvalidProviderUrl("it is resend://KEY@/?from=news@example.org")
    if "from" not in options:
        raise InvalidProviderUrl("from is missing: ?from=news@example.org")
    secret = options.get("webhook_secret")
    try:
        Webhook(secret or "unused")
    except (EmptyWebhookSecretError, ValueError) as error:
        raise InvalidProviderUrl("webhook_secret must be as Resend shows it: whsec_…") from error
    reply_to = options.get("reply_to")
    return ResendProvider(
        api_key=read_token("the key", url.user),
        base_url=checked_url("host", options.get("host", DEFAULT_HOST)).rstrip("/"),
        sender=str(read_mailbox("from", options["from"])),
        reply_to=str(read_mailbox("reply_to", reply_to)) if reply_to else None,
        receipts=ResendReceipts(channel=context.channel, secret=secret),
        http=HttpCaller(ca_file=options.get("ca"), timeout=url.limits.patience),
        now=context.now,
    )
