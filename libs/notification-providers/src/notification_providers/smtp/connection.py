"""A connection to an SMTP server, phase by phase: so it is known what may have been sent.

`aiosmtplib` raises the same when a server hangs up before a mail was sent and after it was taken.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final, Self, cast

from aiosmtplib import SMTP, SMTPResponseException, SMTPServerDisconnected

from notification_providers.smtp.mail import Mail
from notification_providers.smtp.replies import Phase
from notification_providers.smtp.server import Credentials, Login, NotUsable, SmtpServer, StartTls

_DOT_AT_THE_START: Final = re.compile(rb"(?m)^\.")
_POLL_SECONDS: Final = 0.01


class CannotCarry(Exception):
    """Raised when the server can't take this one mail, and takes others. It says why."""


@dataclass(slots=True)
class SmtpConnection:
    """One connection. After a failure that is no refusal it is of no further use.

    `phase` is how far the latest mail came. Every method raises what `aiosmtplib` does; none
    watches the clock.
    """

    client: SMTP
    phase: Phase = Phase.CONNECT
    mails: int = 0
    needs_reset: bool = False
    idle_since: float = 0.0

    @classmethod
    def to(cls, server: SmtpServer, tls: ssl.SSLContext, ehlo: str) -> Self:
        """Make one that is yet to be opened."""
        return cls(
            SMTP(
                hostname=server.host,
                port=server.port,
                local_hostname=ehlo,
                timeout=None,
                use_tls=server.has_tls,
                start_tls=False,
                tls_context=tls,
            )
        )

    @property
    def is_open(self) -> bool:
        """False once it was lost or closed."""
        return self.client.is_connected

    async def open(self, server: SmtpServer) -> None:
        """Connect, encrypt, and sign in.

        Raises:
            NotUsable: the server does not offer what the settings ask for.
        """
        client = self.client
        await client.connect()
        await client.ehlo()
        is_encrypted = server.has_tls
        if not is_encrypted and server.starttls is not StartTls.NEVER:
            is_encrypted = client.supports_extension("starttls")
            if is_encrypted:
                await client.starttls()
                await client.ehlo()
            elif server.starttls is StartTls.REQUIRED:
                raise NotUsable("the server offers no STARTTLS")
        if server.credentials is not None:
            if not is_encrypted and not server.may_see_secrets_in_clear:
                raise NotUsable("the server offers no STARTTLS to send credentials by")
            self.phase = Phase.AUTH
            await self._sign_in(server.credentials)

    async def announce(self, sender: str, mail: Mail | None = None) -> None:
        """Say who sends, and what kind of mail.

        Raises:
            CannotCarry: the server does not know this kind.
        """
        self.phase = Phase.MAIL
        if self.needs_reset:
            await self.client.rset()
            self.needs_reset = False
        options = self._options(mail) if mail else []
        self.needs_reset = True
        await self.client.mail(sender, options=options)

    async def begin(self, sender: str, mail: Mail) -> None:
        """Send all of a mail but its final dot."""
        await self.announce(sender, mail)
        self.phase = Phase.RCPT
        await self.client.rcpt(mail.recipient, encoding="utf-8")
        self.phase = Phase.DATA
        reply = await self.client.execute_command(b"DATA")
        if reply.code != 354:
            raise SMTPResponseException(reply.code, reply.message)
        await self._write(_DOT_AT_THE_START.sub(b"..", mail.content))

    async def finish(self) -> str:
        """Send the final dot; return the server's words when it has taken the mail."""
        protocol = self.client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(b".\r\n")
        self.phase = Phase.SENT
        self.mails += 1
        reply = await protocol.read_response()
        if reply.code != 250:
            raise SMTPResponseException(reply.code, reply.message)
        self.needs_reset = False
        return reply.message

    async def quit(self) -> None:
        """Take leave."""
        await self.client.quit()

    def close(self) -> None:
        """Break it off. A mail that was begun is not sent."""
        self.client.close()

    async def _sign_in(self, credentials: Credentials) -> None:
        client, login = self.client, credentials.login
        offered = client.server_auth_methods
        if login is None:
            login = Login.LOGIN if "login" in offered and "plain" not in offered else Login.PLAIN
        if login not in offered:
            raise NotUsable(f"the server offers no AUTH {login.value.upper()}")
        match login:
            case Login.PLAIN:
                await client.auth_plain(credentials.user, credentials.password)
            case Login.LOGIN:
                await client.auth_login(credentials.user, credentials.password)
            case Login.XOAUTH2:
                token = await asyncio.to_thread(credentials.token)
                await client.auth_xoauth2(credentials.user, token)

    def _options(self, mail: Mail) -> list[str]:
        options = []
        if mail.is_utf8:
            if not self.client.supports_extension("smtputf8"):
                raise CannotCarry("the server takes no address beyond ASCII (SMTPUTF8)")
            options += ["SMTPUTF8", "BODY=8BITMIME"]  # RFC 6531, section 3.6
        if self.client.supports_extension("size"):
            options.append(f"SIZE={len(mail.content)}")  # RFC 1870
        if self.client.supports_extension("dsn"):
            options.append("RET=HDRS")  # RFC 3461: of the mail, bounces need to quote no more
        return options

    async def _write(self, content: bytes) -> None:
        """Write, and wait until all has left: the dot must not be sent to who no longer listens."""
        protocol = self.client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(content)
        while (transport := protocol.transport) and not transport.is_closing():
            if not cast(asyncio.WriteTransport, transport).get_write_buffer_size():
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise SMTPServerDisconnected("Connection lost")
