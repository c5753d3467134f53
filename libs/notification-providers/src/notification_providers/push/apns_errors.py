"""What each refusal of APNs becomes: by its `reason`.

Source: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from notification_contracts.states import Reason

from notification_providers.http import HttpAnswer
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
)

TOKENS_THAT_ARE_NONE: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_EXPIRED: Final = "ExpiredProviderToken"
_OURS: Final = frozenset(
    {
        "BadPath",
        "BadTopic",
        "InvalidPushType",
        "MethodNotAllowed",
        "MissingTopic",
        "TopicDisallowed",
    }
)
# "The connection will be unusable until enough time has passed":
# https://developer.apple.com/forums/thread/675879
_TOO_MANY_TOKENS_FOR: Final = timedelta(minutes=5)

ApnsFailure = AddressGone | Misconfigured | PermanentFailure | TransientFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsError:
    """A refusal's reason, and since when a token is dead."""

    reason: str = ""
    since: datetime | None = None

    @classmethod
    def of(cls, answer: HttpAnswer) -> "ApnsError":
        """Read an answer; one that gives no reason has none."""
        said = answer.json()
        if not isinstance(said, dict) or not isinstance(said.get("reason"), str):
            return cls()
        return cls(reason=said["reason"], since=_time(said.get("timestamp")))


def _time(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_provider_token_expired(answer: HttpAnswer) -> bool:
    """Tell whether another provider token could help."""
    return answer.status == 403 and ApnsError.of(answer).reason == _EXPIRED


def read_refusal(answer: HttpAnswer, *, is_proven: bool, now: datetime) -> ApnsFailure:
    """Return what a refusal means. `is_proven` says that APNs has taken messages before.

    Until then a bad token may be one of the other environment, sandbox or production: a wrong
    setting is no reason to forget all devices. One that is not for this topic may be right for
    another app: it is refused, and never forgotten.
    Source: https://developer.apple.com/forums/thread/807380
    """
    error = ApnsError.of(answer)
    detail = " ".join(each for each in (f"APNs answered {answer.status}", error.reason) if each)
    if answer.status == 410 or (error.reason == "BadDeviceToken" and is_proven):
        return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail, since=error.since)
    if answer.status in {401, 403} or error.reason in _OURS:
        return Misconfigured(detail=detail)
    if answer.status == 429:
        return _throttled(answer, error, now, detail)
    if answer.status >= 500 or error.reason == "IdleTimeout":
        asked = answer.retry_after(now)
        return TransientFailure(
            reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_after=asked
        )
    return PermanentFailure(
        reason=_why_never(answer, error), detail=detail, fault=FaultSide.RECIPIENT
    )


def _throttled(
    answer: HttpAnswer, error: ApnsError, now: datetime, detail: str
) -> TransientFailure:
    """Tell apart who is throttled: one device that gets too much, or this system."""
    asked = answer.retry_after(now)
    if error.reason == "TooManyProviderTokenUpdates":
        return TransientFailure(
            reason=Reason.RATE_LIMITED, detail=detail, retry_after=asked or _TOO_MANY_TOKENS_FOR
        )
    return TransientFailure(
        reason=Reason.RATE_LIMITED, detail=detail, retry_after=asked, fault=FaultSide.RECIPIENT
    )


def _why_never(answer: HttpAnswer, error: ApnsError) -> Reason:
    if error.reason in TOKENS_THAT_ARE_NONE:
        return Reason.INVALID_ADDRESS
    return Reason.MESSAGE_TOO_LONG if answer.status == 413 else Reason.PROVIDER_REJECTED
