"""From what a connection raised to what it means for the mail."""

import os
import socket
import ssl
from datetime import timedelta
from typing import Final

from aiosmtplib import SMTPException, SMTPResponseException
from notification_contracts.states import Reason

from notification_providers.port import (
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.smtp.connection import CannotCarry
from notification_providers.smtp.replies import Failure, Phase, Reply, read_refusal
from notification_providers.smtp.server import NotUsable

# A time-out is an `OSError`, too.
FAILURES: Final = (SMTPException, OSError, NotUsable, CannotCarry)


def read_failure(error: BaseException, phase: Phase, patience: timedelta) -> Failure:
    """Return what a failure means that came in this phase. It is one of `FAILURES`."""
    match error:
        case SMTPResponseException(code=code, message=text):
            return read_refusal(Reply(code, text), phase)
        case NotUsable():
            return Misconfigured(detail=str(error))
        case CannotCarry():
            return PermanentFailure(
                reason=Reason.INVALID_ADDRESS, detail=str(error), fault=FaultSide.RECIPIENT
            )
    why = error.__cause__ or error
    if isinstance(why, ssl.SSLCertVerificationError):
        return Misconfigured(detail=f"its certificate is not trusted: {why.verify_message}")
    if phase is Phase.SENT:
        return UncertainFailure(detail=f"no answer to the whole mail: {_words(why)}")
    if isinstance(error, TimeoutError):
        detail = f"the server was not ready for the mail within {patience.total_seconds():g} s"
    else:
        detail = _words(why)
    detail = f"nothing sent: {detail} (at {phase})"
    return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)


def is_lost(error: BaseException) -> bool:
    """Tell whether a kept connection was of no use any more: nothing is known of the server."""
    if isinstance(error, SMTPResponseException):
        return error.code == 421
    return not isinstance(error, TimeoutError | CannotCarry)


def leaves_usable(error: BaseException, phase: Phase) -> bool:
    """Tell whether the connection is as good as before: the server refused one mail, no more."""
    if phase in {Phase.CONNECT, Phase.AUTH}:
        return False
    if isinstance(error, SMTPResponseException):
        return 400 <= error.code <= 599
    return isinstance(error, CannotCarry)


def _words(error: BaseException) -> str:
    """Return words that name no host."""
    match error:
        case ssl.SSLError(reason=reason) if reason:
            return f"TLS: {reason}"
        case socket.gaierror(strerror=words) if words:
            return words
        case OSError(errno=number) if number and number > 0:
            return os.strerror(number)
        case SMTPException():
            return f"{type(error).__name__}: {error}"
    return type(error).__name__
