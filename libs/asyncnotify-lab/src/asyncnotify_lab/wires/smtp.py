"""SMTP, by aiosmtpd: AUTH, STARTTLS, SMTPUTF8, 8BITMIME, PIPELINING, enhanced status codes.

Any credentials are good, and none are needed. Sources: RFC 5321, RFC 3463 (enhanced status codes),
https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
"""

import asyncio
import logging
import ssl
from base64 import b64decode
from collections.abc import Awaitable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import AnyStr, Final, cast
from uuid import uuid4

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from asyncnotify_lab.faults import CONNECT, RECEIVED, TAKEN, HangUp, Weakness, WireFault
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.state import LabState

# It warns of names that it uses itself.
logging.getLogger("mail.log").setLevel(logging.ERROR)

NAME: Final = "smtp"
KIND: Final = "email"
EHLO: Final = "ehlo"
STARTTLS: Final = "starttls"
AUTH: Final = "auth"
MAIL: Final = "mail"
RCPT: Final = "rcpt"
DATA: Final = "data"
PHASES: Final = (CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, RECEIVED, TAKEN)

# In the words of a Postfix.
NAMED: Final = {
    "gone": (RCPT, "550 5.1.1 Recipient address rejected: User unknown"),
    "throttled": (MAIL, "451 4.7.0 Rate limit exceeded, try again later"),
    "unauthorized": (AUTH, "535 5.7.8 Authentication credentials invalid"),
    "unavailable": (CONNECT, "421 4.3.2 Service not available, closing transmission channel"),
}
WEAKNESS: Final = Weakness(PHASES, {word: phase for word, (phase, _) in NAMED.items()})


class LabSmtp(SMTP):
    """One connection, with faults in every phase of it."""

    def __init__(self, state: LabState, tls: ssl.SSLContext | None) -> None:
        """`tls` is offered by STARTTLS; None on a connection that has TLS from the start."""
        super().__init__(
            _Handler(state),
            hostname="localhost",
            ident="AsyncNotify lab",
            enable_SMTPUTF8=True,
            tls_context=tls,
            auth_require_tls=False,
            authenticator=_welcome,
            loop=asyncio.get_running_loop(),
        )
        self._state = state

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection has TLS by now."""
        return bool(self.transport and self.transport.get_extra_info("sslcontext"))

    @property
    def login(self) -> str | None:
        """Who has logged in."""
        known: object = cast(Session, self.session).auth_data
        return known.login.decode() if isinstance(known, LoginPassword) else None

    async def _handle_client(self) -> None:
        if await self._passes(CONNECT):
            await super()._handle_client()

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - a name of aiosmtpd's
        """See `aiosmtpd`."""
        if await self._passes(EHLO):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        """See `aiosmtpd`."""
        if await self._passes(STARTTLS):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """See `aiosmtpd`."""
        if await self._passes(AUTH):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """See `aiosmtpd`."""
        if await self._passes(MAIL):
            await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """See `aiosmtpd`."""
        if await self._passes(DATA):
            await super().smtp_DATA(arg)

    async def auth_XOAUTH2(self, _: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Take any bearer token."""
        words = b64decode(args[1]) if len(args) > 1 else await self.challenge_auth("")
        if not isinstance(words, bytes):
            return AuthResult(success=False)
        user, _sep, token = words.strip(b"\1").removeprefix(b"user=").partition(b"\1auth=Bearer ")
        return AuthResult(success=True, auth_data=LoginPassword(user, token))

    async def push(self, status: AnyStr) -> None:
        """Send a reply; after a 421 the connection is closed, as RFC 5321 has it."""
        await super().push(status)
        if status[:3] in {"421", b"421"} and self.transport:
            cast(asyncio.Transport, self.transport).close()

    async def reply_to_fault(self, meeting: Awaitable[WireFault | None]) -> str | None:
        """Have a fault; return what is to be replied because of it."""
        try:
            fault = await meeting
        except HangUp:
            if self.transport:
                cast(asyncio.Transport, self.transport).abort()
            await asyncio.Event().wait()  # ended by the loss of the connection
            raise
        return None if fault is None else _reply(fault)

    async def _passes(self, phase: str) -> bool:
        """Have the faults of a phase; tell whether it then goes on as ever."""
        reply = await self.reply_to_fault(self._state.faults.meet(NAME, phase))
        if reply:
            await self.push(reply)
        return reply is None


class _Handler:
    """What becomes of a message: aiosmtpd asks its hooks."""

    def __init__(self, state: LabState) -> None:
        self._state = state

    async def handle_EHLO(  # noqa: N802
        self, _: LabSmtp, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*lines[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", lines[-1]]

    async def handle_MAIL(  # noqa: N802
        self, _: LabSmtp, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, smtp: LabSmtp, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        meeting = self._state.faults.meet(NAME, RCPT, address)
        if reply := await smtp.reply_to_fault(meeting):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, smtp: LabSmtp, session: Session, envelope: Envelope
    ) -> str:
        queue_id = uuid4().hex[:12]
        for number, to in enumerate(envelope.rcpt_tos):
            message_id = f"{queue_id}-{number}" if number else queue_id
            meeting = self._state.take(read_mail(to, message_id, smtp, envelope))
            if reply := await smtp.reply_to_fault(meeting):
                return reply
        return f"250 2.0.0 OK: queued as {queue_id}"


def read_mail(to: str, message_id: str, smtp: LabSmtp, envelope: Envelope) -> Arrival:
    """Decode one recipient's mail."""
    raw = cast(bytes, envelope.content)
    mail = message_from_bytes(raw, policy=default_policy)
    return Arrival(
        wire=NAME,
        kind=KIND,
        id=message_id,
        to=to,
        sender=envelope.mail_from,
        subject=mail["subject"],
        text=_part(mail, "plain"),
        html=_part(mail, "html"),
        headers={name: str(value) for name, value in mail.items()},
        data={
            "is_encrypted": smtp.is_encrypted,
            "login": smtp.login,
            "mail_options": list(envelope.mail_options),
        },
        raw=raw,
    )


def _part(mail: EmailMessage, kind: str) -> str | None:
    found = mail.get_body(preferencelist=(kind,))
    return None if found is None else str(found.get_content()).replace("\r\n", "\n")


def _reply(fault: WireFault) -> str:
    if fault.answer:
        reply = NAMED[fault.answer][1]
        return f"{reply[:3]} {fault.text}" if fault.text else reply
    return f"{fault.status} {fault.text or 'as the lab was told'}"


def _welcome(
    smtp: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: object
) -> AuthResult:
    return AuthResult(success=True, auth_data=credentials)
