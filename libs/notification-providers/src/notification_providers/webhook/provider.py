"""Posts a notification to a URL that its owner gave, signed, and to public addresses alone."""

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from notification_contracts.states import Reason
from pydantic_core import to_json
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from notification_providers.guard import GUARD_OPTIONS, read_guard
from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl
from notification_providers.webhook.signing import signed_headers

_TOO_LARGE: Final = 413
_GONE: Final = 410
_SHORTEST_SECRET: Final = 24


@dataclass(slots=True, kw_only=True)
class WebhookProvider:
    """Signs with each of its secrets, so that receivers can change from one to the next.

    Whatever goes wrong at a receiver is that receiver's fault: it holds up no other.
    """

    secrets: Sequence[Webhook]
    http: HttpCaller
    now: Callable[[], datetime]
    name: str = "webhook"
    repeating: Repeating = Repeating.IDEMPOTENT

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Post the message. A receiver knows a repetition by its `webhook-id`."""
        body = _body(message)
        answer = await self.http.call(
            "POST", message.address, headers=self._headers(message, body), body=body
        )
        match answer:
            case HttpAnswer():
                return _read(answer, self.now())
            case TransientFailure(reason=reason, detail=detail):
                return TransientFailure(reason=reason, detail=detail, fault=FaultSide.RECIPIENT)
            case UncertainFailure(detail=detail):
                return UncertainFailure(detail=detail, fault=FaultSide.RECIPIENT)
            case PermanentFailure():
                return answer
            case never:
                assert_never(never)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    def _headers(self, message: OutgoingMessage, body: bytes) -> dict[str, str]:
        signed = signed_headers(self.secrets, message.idempotency_key, body, self.now())
        return {"content-type": "application/json", **signed}


def _body(message: OutgoingMessage) -> bytes:
    return to_json(
        {
            "type": "notification",
            "data": {
                "trace_id": message.trace_id,
                "subject": message.subject,
                "message": message.message,
                "data": dict(message.data),
            },
        }
    )


def _read(answer: HttpAnswer, now: datetime) -> ProviderAnswer:
    if answer.is_success:
        return Accepted()
    detail = f"the receiver answered {answer.status}"
    if answer.status == _GONE:
        return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail)
    if answer.status == _TOO_LARGE:
        return PermanentFailure(
            reason=Reason.MESSAGE_TOO_LONG, detail=detail, fault=FaultSide.RECIPIENT
        )
    # All else may be mended at the receiver, a redirect and a 404 too.
    return TransientFailure(
        reason=Reason.PROVIDER_REJECTED if answer.status < 500 else Reason.PROVIDER_UNAVAILABLE,
        detail=detail,
        retry_after=answer.retry_after(now),
        fault=FaultSide.RECIPIENT,
    )


def webhook_provider(url: ProviderUrl, context: ProviderContext) -> WebhookProvider:
    """Make the provider that a `webhook://[SECRET[:FORMER_SECRET]@]` URL describes."""
    url.only_options({*GUARD_OPTIONS, "ca"})
    return WebhookProvider(
        secrets=[_signer(secret) for secret in (url.user, url.password) if secret],
        http=HttpCaller(
            ca_file=url.options.get("ca"), timeout=url.limits.patience, guard=read_guard(url)
        ),
        now=context.now,
    )


def _signer(secret: str) -> Webhook:
    try:
        signer = Webhook(secret)
    except (EmptyWebhookSecretError, binascii.Error, ValueError) as error:
        raise InvalidProviderUrl("a secret is whsec_ and base64") from error
    if len(secret.removeprefix("whsec_")) * 3 // 4 < _SHORTEST_SECRET:
        raise InvalidProviderUrl("a secret must have at least 24 bytes")
    return signer
