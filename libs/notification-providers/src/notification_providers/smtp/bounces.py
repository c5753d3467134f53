"""Mails that came back: notices of failure, complaints, and what is neither.

Sources: RFC 3464 (notices of failure), RFC 5965 (complaints), RFC 3834 (automatic answers). What
follows none of them is read by flufl.bounce, which knows the ways of many servers.
"""

import hmac
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Final

from flufl.bounce import all_failures
from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from service_kit.logs import get_logger

from notification_providers.mailboxes import without_addresses
from notification_providers.port import (
    AddressGone,
    AddressReport,
    FaultSide,
    ForgedReceipt,
    PermanentFailure,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)
from notification_providers.smtp.replies import Phase, Reply, read_refusal
from notification_providers.smtp.return_path import Returned, ReturnPath

log = get_logger(__name__)

# Where the address stands to which a mail was delivered, and where reports quote it.
_ADDRESSED: Final = ("delivered-to", "x-original-to", "envelope-to", "to")
_QUOTED: Final = ("original-mail-from", "return-path")
_RECIPIENTS: Final = ("original-recipient", "final-recipient", "original-rcpt-to", "to")
_STATUS: Final = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a notice says of one recipient. `status` is "" where the notice has none."""

    addresses: Sequence[str]
    status: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReader:
    """Reads what came back to a return path. The secret shows that it was our server who posts it.

    A mail that is no bounce of ours says nothing: it may be anything that a mailbox gets.
    `domain` is that of our message ids.
    """

    channel: ChannelName
    domain: str
    return_path: ReturnPath
    secret: str = field(repr=False)

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader.read`: the request's body is one raw mail."""
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.secret}".encode()):
            raise ForgedReceipt("its bearer token is not the bounce_secret")
        mail = message_from_bytes(request.body)
        if not mail.keys():
            raise UnreadableReceipt("it is no mail")
        returned = self.return_path.find(_return_paths(mail))
        if returned is None:
            log.info("smtp.no_bounce_of_ours")
            return []
        return list(self._items(mail, returned))

    def _items(self, mail: Message, returned: Returned) -> Iterator[Receipt | AddressReport]:
        if _report_type(mail) == "feedback-report":
            addresses = [text for part in mail.walk() for text in _values(part, _RECIPIENTS)]
            yield from self._report(returned, addresses, ReportKind.COMPLAINT, None, "complaint")
            return
        failure = next(_failures(mail), None)
        if failure is None:
            return
        event = _event(failure)
        reason = Reason.ADDRESS_GONE if event is ReportKind.BOUNCE else Reason.PROVIDER_REJECTED
        words = without_addresses(failure.words or failure.status or "without a reason")
        yield Receipt(
            message_id=f"<{returned.trace_id}@{self.domain}>",
            status=ReceiptStatus.FAILED,
            reason=reason,
            detail=f"it came back: {words}",
        )
        if event is not None:
            yield from self._report(returned, failure.addresses, event, reason, words)

    def _report(
        self,
        returned: Returned,
        addresses: Sequence[str],
        event: ReportKind,
        reason: Reason | None,
        words: str,
    ) -> Iterator[AddressReport]:
        for address in addresses:
            if self.return_path.is_to(returned, address):
                yield AddressReport(
                    channel=self.channel, kind=event, address=address, reason=reason, evidence=words
                )
                return


def _return_paths(mail: Message) -> Iterator[str]:
    yield from _values(mail, _ADDRESSED)
    if _report_type(mail) == "feedback-report":
        for part in mail.walk():
            yield from _values(part, _QUOTED)


def _values(part: Message, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        for value in part.get_all(name, ()):
            yield _address(str(value))


def _address(text: str) -> str:
    """Return the address of `rfc822; ada@example.com` or `<ada@example.com>`."""
    return text.rpartition(";")[2].strip().strip("<>")


def _report_type(mail: Message) -> str:
    if mail.get_content_type() != "multipart/report":
        return ""
    return str(mail.get_param("report-type") or "").lower()


def _failures(mail: Message) -> Iterator[_Failure]:
    """Give those recipients for whom a mail has failed for good; a delay is none."""
    if _report_type(mail) == "delivery-status":
        for part in mail.walk():
            if part.get_content_type() == "message/delivery-status":
                yield from _reported(part)
    elif not _is_automatic_answer(mail):
        for address in all_failures(mail)[1]:
            yield _Failure([address.decode("utf-8", "replace")], words="in no standard form")


def _reported(part: Message) -> Iterator[_Failure]:
    """Read a delivery status, one block for each recipient: RFC 3464, section 2.3."""
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, Message) and str(block.get("action", "")).strip().lower() == "failed":
            words = " ".join(str(block.get("diagnostic-code", "")).partition(";")[2].split())
            status = str(block.get("status", "")).strip().partition(" ")[0]
            if status.endswith(".0.0") and (said := _STATUS.search(words)):
                status = said[0]  # some servers, as Exim, know more than they report
            yield _Failure(list(_values(block, _RECIPIENTS)), status, words)


def _is_automatic_answer(mail: Message) -> bool:
    """Tell whether it is a vacation notice or the like, that may say anything."""
    submitted = str(mail.get("auto-submitted", "no")).partition(";")[0].strip().lower()
    return submitted != "no" or any(name in mail for name in ("x-autoreply", "x-autorespond"))


def _event(failure: _Failure) -> ReportKind | None:
    """What a failure says of the address: nothing if it was this system that was refused."""
    if not failure.status.startswith("5."):
        return ReportKind.SOFT_BOUNCE  # it was tried for days, or nothing clear is said
    match read_refusal(Reply(550, failure.status), Phase.RCPT):
        case AddressGone():
            return ReportKind.BOUNCE
        case PermanentFailure(fault=FaultSide.RECIPIENT):
            return ReportKind.SOFT_BOUNCE
        case _:
            return None
