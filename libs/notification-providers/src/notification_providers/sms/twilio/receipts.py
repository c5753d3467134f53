"""What Twilio calls back with: what became of a message, and who wants no more of them.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-security,
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status,
https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
"""

import base64
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason

from notification_providers.port import (
    AddressReport,
    ForgedReceipt,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)
from notification_providers.sms.twilio.answers import INVALID_NUMBERS, OPTED_OUT

_SIGNATURE: Final = "x-twilio-signature"
_SETTINGS: Final = "x-twilio-webhooks-signature-settings"
_ALGORITHMS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}

_STATUSES: Final = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), ReceiptStatus.UNDERWAY),
    **dict.fromkeys(("delivered", "read"), ReceiptStatus.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), ReceiptStatus.FAILED),
}
_CODE: Final = re.compile(r"[0-9]{1,9}")
_LANDLINE: Final = 30006
# Switched off, out of reach, or no longer in use: which of these, no carrier tells.
_UNREACHABLE: Final = frozenset({30003, 30005})

# What a number answers if its owner sets nothing else.
_STOP: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)
_START: Final = frozenset({"START", "YES", "UNSTOP"})
_EVENTS: Final = {"STOP": ReportKind.OPT_OUT, "START": ReportKind.OPT_IN}

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioReceipts:
    """Reads what Twilio posts.

    It signs with the account's auth token; or, where a rule of its console says so, with a key of
    that rule's (`shared_key`) and by another algorithm, and then says that in a header.
    """

    channel: ChannelName
    auth_token: str | None = field(repr=False)
    shared_key: str | None = field(default=None, repr=False)

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader.read`."""
        form = _form(request.body)
        self._check_signature(request, form)
        if "MessageStatus" in form or ("SmsStatus" in form and "Body" not in form):
            return list(self._status(form))
        if "Body" in form:
            return list(self._answer_of_a_person(form))
        raise UnreadableReceipt("it has neither MessageStatus nor Body")

    def _check_signature(self, request: ReceiptRequest, form: Form) -> None:
        settings = request.headers.get(_SETTINGS)
        key = self.auth_token if settings is None else self.shared_key
        algorithm = "sha1" if settings is None else _algorithm(settings)
        if key is None or algorithm is None:
            raise ForgedReceipt("there is no key for the way in which it is signed")
        given = request.headers.get(_SIGNATURE, "")
        wanted = signature(key, request.url, form, algorithm)
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise ForgedReceipt("its signature is wrong")

    def _status(self, form: Form) -> Iterator[Receipt | AddressReport]:
        sid = _one(form, "MessageSid") or _one(form, "SmsSid")
        if not sid:
            raise UnreadableReceipt("it has no MessageSid")
        word = _one(form, "MessageStatus") or _one(form, "SmsStatus")
        # A word of the future says at least that the message exists.
        status = _STATUSES.get(word, ReceiptStatus.UNDERWAY)
        code = int(digits) if _CODE.fullmatch(digits := _one(form, "ErrorCode")) else None
        if status is not ReceiptStatus.FAILED:
            yield Receipt(message_id=sid, status=status)
            return
        detail = f"Twilio says {word}" + (f", error {code}" if code else "")
        yield Receipt(message_id=sid, status=status, reason=_reason(code), detail=detail)
        event, to = _event(code), _one(form, "To")
        if event and to:
            yield self._report(event, to, _reason(code), detail)

    def _answer_of_a_person(self, form: Form) -> Iterator[AddressReport]:
        word = _one(form, "OptOutType").upper() or _keyword(_one(form, "Body"))
        event, sender = _EVENTS.get(word), _one(form, "From")
        if event and sender:
            yield self._report(event, sender, Reason.OPTED_OUT, f"answered {word}")

    def _report(
        self, event: ReportKind, address: str, reason: Reason, evidence: str
    ) -> AddressReport:
        return AddressReport(
            channel=self.channel, kind=event, address=address, reason=reason, evidence=evidence
        )


def signature(key: str, url: str, form: Form, algorithm: str = "sha1") -> str:
    """Return Twilio's signature of a call: of its URL, and each field and value after it."""
    signed = url + "".join(
        name + value for name in sorted(form) for value in sorted(set(form[name]))
    )
    digest = hmac.digest(key.encode(), signed.encode(), algorithm)
    return base64.b64encode(digest).decode()


def _algorithm(settings: str) -> str | None:
    """Read the algorithm of `key=…,algorithm=HMAC_SHA256`."""
    parts = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    return _ALGORITHMS.get(parts.get("algorithm", ""))


def _form(body: bytes) -> Form:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        raise UnreadableReceipt("its body is no form") from error


def _one(form: Form, name: str) -> str:
    return form[name][0] if name in form else ""


def _keyword(text: str) -> str:
    word = text.strip().strip(".!").upper()
    if word in _STOP:
        return "STOP"
    return "START" if word in _START else ""


def _reason(code: int | None) -> Reason:
    if code in INVALID_NUMBERS or code == _LANDLINE:
        return Reason.INVALID_ADDRESS
    return Reason.OPTED_OUT if code in OPTED_OUT else Reason.PROVIDER_REJECTED


def _event(code: int | None) -> ReportKind | None:
    """What a failure says of its number; None if it says nothing, as carriers' filters do."""
    if code in OPTED_OUT:
        return ReportKind.OPT_OUT
    if code in INVALID_NUMBERS or code == _LANDLINE:
        return ReportKind.BOUNCE
    return ReportKind.SOFT_BOUNCE if code in _UNREACHABLE else None
