"""What a gateway answers: by a code in its body if the URL says where, else by its status."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.states import Reason

from notification_providers.http import HttpAnswer
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.sms.gateway.template import at_pointer

OK: Final = "ok"
THROTTLED_FOR: Final = timedelta(seconds=5)

_FOR_NOW: Final = frozenset({408, 425, 503})
_QUOTABLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_NUMBER: Final = re.compile(r"\d{7,}")

Made = Callable[[str, timedelta | None], ProviderAnswer]


def _throttled(detail: str, wait: timedelta | None) -> ProviderAnswer:
    wait = wait or THROTTLED_FOR
    return TransientFailure(reason=Reason.RATE_LIMITED, detail=detail, retry_after=wait)


def _not_now(detail: str, wait: timedelta | None) -> ProviderAnswer:
    return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_after=wait)


def _refused(detail: str, _: timedelta | None) -> ProviderAnswer:
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail)


def _bad_message(detail: str, _: timedelta | None) -> ProviderAnswer:
    reason = Reason.PROVIDER_REJECTED
    return PermanentFailure(reason=reason, detail=detail, fault=FaultSide.RECIPIENT)


CLASSES: Final[Mapping[str, Made]] = {
    "throttled": _throttled,
    "transient": _not_now,
    "refused": _refused,
    "bad_message": _bad_message,
    "bad_number": lambda detail, _: AddressGone(reason=Reason.INVALID_ADDRESS, detail=detail),
    "opted_out": lambda detail, _: AddressGone(reason=Reason.OPTED_OUT, detail=detail),
    "misconfigured": lambda detail, _: Misconfigured(detail=detail),
    "uncertain": lambda detail, _: UncertainFailure(detail=detail),
}
"""What a list of codes may stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRules:
    """How to read a gateway's answers.

    `codes` leads from a code at the pointer `code` to `ok` or one of `CLASSES`. `message_id` is the
    pointer to the gateway's id of the message.
    """

    code: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None

    def read(self, answer: HttpAnswer, now: datetime) -> ProviderAnswer:
        """Return what became of a message."""
        body = answer.json()
        code = None if self.code is None else _text(at_pointer(body, self.code))
        detail = f"the gateway answered {answer.status}" + _quoted(code)
        kind = self._kind(answer.status, code)
        if kind != OK:
            return CLASSES[kind](detail, answer.retry_after(now))
        if self.message_id is None:
            return Accepted()
        return Accepted(message_id=_text(at_pointer(body, self.message_id)))

    def _kind(self, status: int, code: str | None) -> str:
        if code is not None and code in self.codes:
            return self.codes[code]
        kind = _by_status(status)
        if kind != OK or OK not in self.codes.values():
            return kind
        # A code that is in no list is a refusal; none at all, where one was to be, says nothing.
        return "uncertain" if code is None else "refused"


def _by_status(status: int) -> str:
    if 200 <= status < 300:
        return OK
    if status in {401, 403}:
        return "misconfigured"
    if status == 429:
        return "throttled"
    if status in _FOR_NOW:
        return "transient"
    return "uncertain" if status >= 500 else "refused"


def _text(found: object) -> str | None:
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str | int) and found != "" else None


def _quoted(code: str | None) -> str:
    is_code = code is not None and _QUOTABLE.fullmatch(code) and not _NUMBER.search(code)
    return f", code {code}" if is_code else ""
