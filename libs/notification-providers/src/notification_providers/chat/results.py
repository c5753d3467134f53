"""What Apprise's result of one service means. It says success or failure, and its log says why.

What it logs holds texts and tokens: only a status and the kind of a connection's fault are taken.
"""

import re
from collections.abc import Sequence
from typing import Final

from notification_contracts.states import Reason

from notification_providers.port import (
    FaultSide,
    Misconfigured,
    PermanentFailure,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)

_STATUS: Final = re.compile(r"\berror=(\d{3})\b")
_CONNECTION: Final = "Connection error"
# How `requests` names the faults that come before anything is sent.
_NOTHING_SENT: Final = re.compile(
    r"NewConnectionError|ConnectTimeoutError|NameResolutionError|CertificateError|SSLCertVerification"
)
_FOR_NOW: Final = frozenset({408, 425, 503})


def failure_of(logs: Sequence[str], *, is_addressed: bool) -> ProviderAnswer:
    """Return what a failed call's log says.

    `is_addressed` says that the recipient's address is part of the URL: then a refusal may be the
    address's fault, else only the settings can be.
    """
    text = "\n".join(logs)
    if found := _STATUS.findall(text):
        return _by_status(int(found[-1]), is_addressed=is_addressed)
    if _NOTHING_SENT.search(text):
        return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="not connected")
    if _CONNECTION in text:
        return UncertainFailure(detail="the connection broke")
    return UncertainFailure(detail="it failed, and the service gave no status")


def _by_status(status: int, *, is_addressed: bool) -> ProviderAnswer:
    detail = f"the service answered {status}"
    if status == 429:
        return TransientFailure(reason=Reason.RATE_LIMITED, detail=detail)
    if status in _FOR_NOW:
        return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)
    if status >= 500:
        return UncertainFailure(detail=detail)
    if status == 401 or (status == 403 and not is_addressed):
        return Misconfigured(detail=detail)
    fault = FaultSide.RECIPIENT if is_addressed else FaultSide.PROVIDER
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail, fault=fault)
