"""Sends by SMTP, one mail to one recipient, over connections that are kept.

Source: RFC 5321. What a server says is read in `replies`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.states import Reason
from service_kit.logs import get_logger

from notification_providers.mailboxes import UnmailableAddress
from notification_providers.port import (
    Accepted,
    AddressReport,
    CheckResult,
    FaultSide,
    ForgedReceipt,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Receipt,
    ReceiptRequest,
    Repeating,
)
from notification_providers.smtp.bounces import BounceReader
from notification_providers.smtp.connection import SmtpConnection
from notification_providers.smtp.failures import FAILURES, is_lost, leaves_usable, read_failure
from notification_providers.smtp.mail import Letterhead, Mail, compose
from notification_providers.smtp.pool import Pool
from notification_providers.smtp.replies import Phase, Reply, is_infrastructure
from notification_providers.smtp.return_path import ReturnPath
from notification_providers.smtp.server import SmtpServer

log = get_logger(__name__)

_LEAVE_SECONDS: Final = 2.0


class _WasDead(Exception):
    """Raised when a kept connection turns out to be of no use, before a mail was begun."""


@dataclass(slots=True, kw_only=True)
class SmtpProvider:
    """One server, one sender. After `patience` it answers what it knows, if nothing was sent yet.

    The id of what was accepted is its Message-ID: a bounce quotes it, whichever server on the way
    wrote the bounce. The first server's own id of the mail stands in the log.
    """

    server: SmtpServer
    envelope_sender: str
    letterhead: Letterhead
    patience: timedelta
    now: Callable[[], datetime]
    name: str = "smtp"
    return_path: ReturnPath | None = None
    bounces: BounceReader | None = None
    pool: Pool = field(default_factory=Pool)
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _ehlo: str | None = field(default=None, init=False)

    @property
    def repeating(self) -> Repeating:
        """SMTP knows no repetition, but the service behind it may, by a header."""
        return Repeating.IDEMPOTENT if self.letterhead.idempotency_header else Repeating.NEITHER

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Send the message, by a kept connection if there is a good one."""
        try:
            mail = compose(message, self.letterhead, self.now())
        except UnmailableAddress as error:
            return PermanentFailure(
                reason=Reason.INVALID_ADDRESS, detail=str(error), fault=FaultSide.RECIPIENT
            )
        deadline = self._deadline()
        while kept := self.pool.take():
            with suppress(_WasDead):
                return await self._send_by(kept, mail, message.trace_id, deadline)
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._made()
        except FAILURES as error:
            return read_failure(error, Phase.CONNECT, self.patience)
        return await self._send_by(connection, mail, message.trace_id, deadline)

    async def check(self) -> CheckResult:
        """Connect, encrypt, sign in, name the sender, and send nothing."""
        connections: list[SmtpConnection] = []
        try:
            async with asyncio.timeout_at(self._deadline()):
                connections.append(await self._made())
                await connections[0].open(self.server)
                await connections[0].announce(self.envelope_sender)
        except FAILURES as error:
            phase = connections[0].phase if connections else Phase.CONNECT
            return CheckResult(is_ok=False, words=read_failure(error, phase, self.patience).detail)
        finally:
            await _leave(connections)
        return CheckResult(is_ok=True, words="the server takes mail from this sender")

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """Read a mail that came back, see `BounceReader`."""
        if self.bounces is None:
            raise ForgedReceipt("there is no bounce_secret")
        return self.bounces.read(request)

    async def close(self) -> None:
        """Take leave on all kept connections."""
        await _leave(self.pool.empty())

    async def _send_by(
        self, connection: SmtpConnection, mail: Mail, trace_id: str, deadline: float
    ) -> ProviderAnswer:
        was_kept, is_usable = connection.is_open, False
        sender = self.envelope_sender
        if self.return_path is not None:
            sender = self.return_path.of(trace_id, mail.recipient)
        try:
            async with asyncio.timeout_at(deadline):
                if not was_kept:
                    await connection.open(self.server)
                await connection.begin(sender, mail)
            words = await connection.finish()
            is_usable = True
        except FAILURES as error:
            phase = connection.phase
            if was_kept and phase is Phase.MAIL and is_lost(error):
                raise _WasDead from error
            is_usable = leaves_usable(error, phase)
            answer = read_failure(error, phase, self.patience)
            if is_infrastructure(answer):
                log.warning("smtp.mail_refused", trace_id=trace_id, words=answer.detail)
            return answer
        finally:
            if is_usable:
                self.pool.keep(connection)
            else:
                connection.close()
        log.info("smtp.accepted", trace_id=trace_id, words=Reply(250, words).words)
        return Accepted(message_id=mail.message_id)

    async def _made(self) -> SmtpConnection:
        """Make a connection that is yet to be opened; what takes time is looked up once."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(self.server.tls_context)
        if self._ehlo is None:
            own_name: str = await asyncio.to_thread(socket.getfqdn)
            self._ehlo = self.server.ehlo or own_name
        return SmtpConnection.to(self.server, self._tls, self._ehlo)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.patience.total_seconds()


async def _leave(connections: Sequence[SmtpConnection]) -> None:
    """Take leave, but not for long: nothing is under way."""

    async def quit_or_close(connection: SmtpConnection) -> None:
        with suppress(*FAILURES):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await connection.quit()
        connection.close()

    await asyncio.gather(*map(quit_or_close, connections))
