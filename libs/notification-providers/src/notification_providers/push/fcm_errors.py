"""What each refusal of FCM becomes: by its codes, never by its text.

Sources: https://firebase.google.com/docs/cloud-messaging/error-codes,
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from notification_contracts.states import Reason

from notification_providers.http import HttpAnswer
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
)
from notification_providers.push.words import quotable

_THIRD_PARTY: Final = "THIRD_PARTY_AUTH_ERROR"
# "If no retry-after header, default to 60 seconds":
# https://firebase.google.com/docs/cloud-messaging/scale-fcm#errors
_THROTTLED_FOR: Final = timedelta(seconds=60)

FcmFailure = AddressGone | Misconfigured | PermanentFailure | TransientFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class FcmError:
    """A refusal's codes. `fields` are those of the request that are wrong.

    `has_own_code` is False if only the status of Google's APIs in general is there.
    """

    code: str = ""
    has_own_code: bool = False
    fields: Sequence[str] = ()
    words: str = field(default="", repr=False)

    @classmethod
    def of(cls, answer: HttpAnswer) -> "FcmError":
        """Read an answer; one that is no error of FCM's has no code."""
        said = answer.json()
        error = said.get("error") if isinstance(said, dict) else None
        if not isinstance(error, dict):
            return cls()
        codes, fields = [], []
        for detail in _objects(error.get("details")):
            kind = str(detail.get("@type")).rpartition("/")[2]
            if kind == "google.firebase.fcm.v1.FcmError":
                codes.append(str(detail.get("errorCode")))
            elif kind == "google.rpc.BadRequest":
                fields += _fields(detail)
        code = codes[0] if codes else str(error.get("status") or "")
        words = str(error.get("message") or "")
        return cls(code=code, has_own_code=bool(codes), fields=fields, words=words)


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    """Return the objects in a list; none, if it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _fields(detail: Mapping[str, Any]) -> list[str]:
    return [str(each.get("field")) for each in _objects(detail.get("fieldViolations"))]


def is_access_token_refused(answer: HttpAnswer) -> bool:
    """Tell whether another access token could help."""
    return answer.status == 401 and FcmError.of(answer).code != _THIRD_PARTY


def read_error(
    answer: HttpAnswer, *, token: str | None = None, is_proven: bool, now: datetime
) -> FcmFailure:
    """Return what a refusal means. `is_proven` says that this project has taken messages."""
    error = FcmError.of(answer)
    words = quotable(error.words, token)
    detail = " ".join(each for each in (f"FCM answered {answer.status}", error.code) if each)
    detail = f"{detail}: {words}" if words else detail
    match error.code:
        case "UNREGISTERED":
            return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail)
        case "SENDER_ID_MISMATCH" if is_proven:
            return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail)
        case "SENDER_ID_MISMATCH":
            # Perhaps the service account is another project's: no reason to forget all tokens.
            return _recipients(Reason.INVALID_ADDRESS, detail)
        case "THIRD_PARTY_AUTH_ERROR":
            # The project's key for APNs or Web Push is wrong: Android devices can still be reached.
            return _later(answer, now, Reason.PROVIDER_AUTH, detail, FaultSide.RECIPIENT)
        case "INVALID_ARGUMENT":
            return _invalid_argument(error, detail)
    return _by_status(answer, now, detail)


def _invalid_argument(error: FcmError, detail: str) -> PermanentFailure:
    is_token = not error.fields or "message.token" in error.fields
    if is_token and error.has_own_code:
        return _recipients(Reason.INVALID_ADDRESS, detail)
    named = f" ({', '.join(error.fields)})" if error.fields else ""
    return _recipients(Reason.PROVIDER_REJECTED, f"{detail}{named}")


def _by_status(answer: HttpAnswer, now: datetime, detail: str) -> FcmFailure:
    if answer.status == 429:
        if answer.retry_after(now) is None:
            # It may be this device's quota: others need not wait.
            return TransientFailure(
                reason=Reason.RATE_LIMITED,
                detail=detail,
                retry_after=_THROTTLED_FOR,
                fault=FaultSide.RECIPIENT,
            )
        return _later(answer, now, Reason.RATE_LIMITED, detail)
    if answer.status >= 500:
        return _later(answer, now, Reason.PROVIDER_UNAVAILABLE, detail)
    if answer.status in {401, 403, 404}:
        return Misconfigured(detail=detail)
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail)


def _recipients(reason: Reason, detail: str) -> PermanentFailure:
    return PermanentFailure(reason=reason, detail=detail, fault=FaultSide.RECIPIENT)


def _later(
    answer: HttpAnswer,
    now: datetime,
    reason: Reason,
    detail: str,
    fault: FaultSide = FaultSide.PROVIDER,
) -> TransientFailure:
    asked = answer.retry_after(now)
    return TransientFailure(reason=reason, detail=detail, retry_after=asked, fault=fault)
