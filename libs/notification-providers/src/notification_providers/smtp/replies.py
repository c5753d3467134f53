"""What an SMTP server's refusal means: by its code, its enhanced code, and when it came.

Sources: RFC 5321 (codes), RFC 3463 and its registry (enhanced codes),
https://www.iana.org/assignments/smtp-enhanced-status-codes
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from notification_contracts.states import Reason

from notification_providers.mailboxes import without_addresses
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")

# The mailbox, or its whole domain, will never take mail: RFC 3463, sections 3.2 and 3.3; X.1.10 is
# RFC 7505's.
_GONE: Final = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
# The server wants to know who this is, or does not believe it: RFC 4954, section 6; RFC 5248.
_AUTHENTICATION: Final = frozenset({"7.8", "7.9", "7.11", "7.12", "7.13", "7.14"})
# The sender's address, and not the recipient's: RFC 3463, section 3.2.
_OF_THE_SENDER: Final = frozenset({"1.7", "1.8"})
_TOO_LONG: Final = frozenset({"2.3", "3.4"})
# By their first figure: the address, the mailbox, the way there, the message.
_OF_THE_RECIPIENT: Final = ("1", "2", "4", "6")


Failure = TransientFailure | PermanentFailure | AddressGone | Misconfigured | UncertainFailure


class Phase(StrEnum):
    """How far a mail had come."""

    CONNECT = "connect"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    SENT = "sent"
    """The final dot has been written: from here on the server may have taken the mail."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply. `text` may hold addresses: show `words` only."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """Return subject and detail of the enhanced code, such as `1.1`; "" if there is none."""
        found = _ENHANCED.match(self.text)
        same_class = found is not None and found[1] == str(self.code)[0]
        return f"{found[2]}.{found[3]}" if found and same_class else ""

    @property
    def words(self) -> str:
        """Return what the server said, on one line and without addresses."""
        code = _ENHANCED.match(self.text)
        lines = self.text.split("\n")
        if code:
            lines[1:] = [line.removeprefix(code[0]).strip() for line in lines[1:]]
        return without_addresses(" ".join(line for line in lines if line))


def read_refusal(reply: Reply, phase: Phase) -> Failure:
    """Return what a reply means that is not the one hoped for."""
    detail = f"{reply.code} {reply.words} (at {phase})"
    if 400 <= reply.code <= 499:
        return _not_now(reply, phase, detail)
    if not 500 <= reply.code <= 599:
        return _no_reply_at_all(phase, detail)
    if _refuses_this_system(reply, phase):
        return Misconfigured(detail=detail)
    return _never(reply, phase, detail)


def is_infrastructure(answer: Failure) -> bool:
    """True if what was refused for good was this system's mail, and not this one mail."""
    return isinstance(answer, PermanentFailure) and answer.fault is FaultSide.PROVIDER


def _no_reply_at_all(phase: Phase, detail: str) -> Failure:
    detail = f"not SMTP: {detail}"
    if phase is Phase.SENT:
        return UncertainFailure(detail=detail)
    return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)


def _not_now(reply: Reply, phase: Phase, detail: str) -> TransientFailure:
    """Read a 4xx: RFC 5321, section 4.2.1."""
    enhanced = reply.enhanced
    reason, fault = Reason.PROVIDER_UNAVAILABLE, FaultSide.PROVIDER
    is_theirs = enhanced.startswith(_OF_THE_RECIPIENT) if enhanced else reply.code == 450
    if phase is Phase.RCPT and is_theirs and enhanced != "4.2":
        fault = FaultSide.RECIPIENT  # one full mailbox, or a greylist, says nothing of the server
    elif enhanced.startswith("7.") and enhanced != "7.1" and phase is not Phase.AUTH:
        reason = Reason.RATE_LIMITED
    return TransientFailure(reason=reason, detail=detail, fault=fault)


def _refuses_this_system(reply: Reply, phase: Phase) -> bool:
    """Tell whether every mail would be refused, whoever it is for."""
    if phase in {Phase.CONNECT, Phase.AUTH} or reply.code in {530, 534, 535, 538}:
        return True
    if reply.enhanced in _AUTHENTICATION:
        return True
    # At MAIL the server knows no more than the sender, and perhaps the size.
    is_about_the_mail = reply.enhanced in {*_TOO_LONG, "6.7"} or reply.code in {552, 555}
    return phase is Phase.MAIL and not is_about_the_mail


def _never(reply: Reply, phase: Phase, detail: str) -> Failure:
    """Read a 5xx about one mail."""
    enhanced = reply.enhanced
    if enhanced in _GONE:
        return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail)
    if enhanced in _TOO_LONG or (reply.code == 552 and phase is not Phase.RCPT and not enhanced):
        return PermanentFailure(
            reason=Reason.MESSAGE_TOO_LONG, detail=detail, fault=FaultSide.RECIPIENT
        )
    if enhanced:
        is_theirs = enhanced.startswith(_OF_THE_RECIPIENT) and enhanced not in _OF_THE_SENDER
    else:
        # Without an enhanced code 550 may be anything: nobody is suppressed for that.
        is_theirs = phase is Phase.RCPT and reply.code in {550, 551, 552, 553}
    fault = FaultSide.RECIPIENT if is_theirs else FaultSide.PROVIDER
    return PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail=detail, fault=fault)
