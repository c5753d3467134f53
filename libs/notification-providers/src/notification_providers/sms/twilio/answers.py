"""What Twilio's answers mean, by its error codes.

Source: https://www.twilio.com/docs/api/errors
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

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

# It seldom says for how long.
THROTTLED_FOR: Final = timedelta(seconds=5)

INVALID_NUMBERS: Final = frozenset({21211, 21217, 21614})  # no number; none that takes SMS
OPTED_OUT: Final = frozenset({21610})
# Whatever is sent is refused: credentials, a closed account, a sender that is not the account's.
OUR_FAULT: Final = frozenset(
    {20003, 20005, 20006, 20008, 20404, 21212, 21603, 21606, 21659, 21660, 21701, 21703, 21704}
)
THROTTLED: Final = frozenset({20429, 21611, 30001})
TOO_LONG: Final = frozenset({21605, 21617})
# Of the message itself: no text, or a text that a carrier filters. Never sent again.
OF_THE_MESSAGE: Final = frozenset({21602, 21619, 30004, 30005, 30006, 30007})

_NUMBER: Final = re.compile(r"\+?\d{7,}")


def read_send(answer: HttpAnswer, now: datetime) -> ProviderAnswer:
    """Return what became of a message that was posted."""
    if answer.is_success:
        body = answer.json()
        sid = body.get("sid") if isinstance(body, dict) else None
        if not isinstance(sid, str):
            return UncertainFailure(detail=f"Twilio answered {answer.status} without an id")
        return Accepted(message_id=sid)
    return failure_of(answer, now)


def failure_of(answer: HttpAnswer, now: datetime) -> ProviderAnswer:
    """Return what an answer means that is no success."""
    code, detail = _code(answer), words_of(answer)
    if answer.status == 429 or code in THROTTLED:
        wait = answer.retry_after(now) or THROTTLED_FOR
        return TransientFailure(reason=Reason.RATE_LIMITED, detail=detail, retry_after=wait)
    if answer.status >= 500:
        return UncertainFailure(detail=detail)
    if answer.status in {401, 403} or code in OUR_FAULT:
        return Misconfigured(detail=detail)
    return _refusal(code, detail)


def _refusal(code: int | None, detail: str) -> ProviderAnswer:
    if code in INVALID_NUMBERS:
        return AddressGone(reason=Reason.INVALID_ADDRESS, detail=detail)
    if code in OPTED_OUT:
        return AddressGone(reason=Reason.OPTED_OUT, detail=detail)
    if code in TOO_LONG or code in OF_THE_MESSAGE:
        reason = Reason.MESSAGE_TOO_LONG if code in TOO_LONG else Reason.PROVIDER_REJECTED
        return PermanentFailure(reason=reason, detail=detail, fault=FaultSide.RECIPIENT)
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail)


def words_of(answer: HttpAnswer) -> str:
    """Return Twilio's own words, without the numbers that they quote."""
    body = _error(answer)
    code, message = _code(answer), body.get("message")
    known = f"Twilio {code}" if code is not None else f"Twilio answered {answer.status}"
    return f"{known}: {_NUMBER.sub('…', message)[:200]}" if isinstance(message, str) else known


def _error(answer: HttpAnswer) -> dict[str, Any]:
    body = answer.json()
    return body if isinstance(body, dict) else {}


def _code(answer: HttpAnswer) -> int | None:
    code = _error(answer).get("code")
    return code if isinstance(code, int) else None
