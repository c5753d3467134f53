"""From a message to a mail: its envelope and its bytes."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from typing import Final

from notification_providers.mailboxes import mailbox, one_line, subject_of
from notification_providers.port import OutgoingMessage

# Every part is made 7-bit: no relay on the way has to change it, which would break a signature
# (RFC 6376, section 5.3), and no server has to know 8BITMIME.
_ASCII: Final = SMTP.clone(cte_type="7bit")
_UTF8: Final = SMTPUTF8.clone(cte_type="7bit")
_NAME: Final = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What stands in every mail of a provider. Texts are as they stand in a header."""

    sender: Address
    reply_to: str | None = None
    idempotency_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail, ready to be sent: `content` has CRLF line ends, and its dots are not doubled."""

    message_id: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def is_utf8(self) -> bool:
        """True if only a server that knows SMTPUTF8 can take it."""
        return not self.recipient.isascii()


def compose(message: OutgoingMessage, letterhead: Letterhead, now: datetime) -> Mail:
    """Make the mail that carries this message.

    It is the same message however often it is sent: so is its Message-ID.

    Raises:
        UnmailableAddress: the address is not that of one mailbox.
    """
    recipient = mailbox(message.address)
    policy = _ASCII if recipient.isascii() else _UTF8
    mail = EmailMessage(policy=policy)
    mail["From"] = letterhead.sender
    mail["To"] = recipient
    if letterhead.reply_to:
        mail["Reply-To"] = letterhead.reply_to
    mail["Subject"] = subject_of(message)
    mail["Date"] = now
    message_id = f"<{message.trace_id}@{letterhead.sender.domain}>"
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer
    for name, value in message.headers.items():
        if _NAME.fullmatch(name):  # any other could end the headers
            del mail[name]
            mail[name] = one_line(value)
    if letterhead.idempotency_header:
        mail[letterhead.idempotency_header] = message.idempotency_key
    mail.set_content(message.message)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return Mail(message_id=message_id, recipient=recipient, content=mail.as_bytes())
