"""What Resend's answers mean: by the documented name of the error, and never by its words.

Source: https://resend.com/docs/api-reference/errors
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from notification_contracts.states import Reason

from notification_providers.http import HttpAnswer
from notification_providers.mailboxes import without_addresses
from notification_providers.port import (
    Accepted,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)

# The day's or the month's mails are used up: to ask again soon helps nobody.
_QUOTAS: Final = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})
_QUOTA_PAUSE: Final = timedelta(hours=1)
_NOT_NOW: Final = {429: Reason.RATE_LIMITED, 503: Reason.PROVIDER_UNAVAILABLE}
# Whatever is sent, it is refused: the sender, the key, the domain.
_OF_THE_SETTINGS: Final = frozenset(
    {"invalid_api_key", "invalid_from_address", "missing_api_key", "restricted_api_key"}
)
# The key is known: the first send with it is under way, or was another mail's. The mail may be
# taken, and nobody else is to send it.
_OF_THE_KEY: Final = frozenset({"concurrent_idempotent_requests", "invalid_idempotent_request"})


def read_send(answer: HttpAnswer, now: datetime) -> ProviderAnswer:
    """Return what an answer to a send means."""
    body = answer.json()
    if answer.is_success:
        message_id = body.get("id") if isinstance(body, Mapping) else None
        return Accepted(message_id=message_id if isinstance(message_id, str) else None)
    name, detail = name_of(body), words_of(answer)
    if answer.status in _NOT_NOW:
        wait = answer.retry_after(now) or (_QUOTA_PAUSE if name in _QUOTAS else None)
        return TransientFailure(reason=_NOT_NOW[answer.status], detail=detail, retry_after=wait)
    if name in _OF_THE_KEY:
        return UncertainFailure(detail=detail)
    if answer.status in {401, 403, 404, 405} or name in _OF_THE_SETTINGS:
        return Misconfigured(detail=detail)
    if 400 <= answer.status <= 499:
        # 422 is about the fields of this mail; the rest is about how it was asked.
        fault = FaultSide.RECIPIENT if answer.status == 422 else FaultSide.PROVIDER
        return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail, fault=fault)
    return UncertainFailure(detail=detail)


def name_of(body: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """Return the error's name; "" if there is none."""
    name = body.get("name") if isinstance(body, Mapping) else None
    return name if isinstance(name, str) else ""


def words_of(answer: HttpAnswer) -> str:
    """Return what an answer says, without addresses."""
    body = answer.json()
    message = body.get("message") if isinstance(body, Mapping) else None
    parts = [str(answer.status), name_of(body), message if isinstance(message, str) else ""]
    return without_addresses(" ".join(part for part in parts if part))
