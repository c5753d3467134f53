import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
import trustme
from notification_providers.port import OutgoingMessage
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext
from testkit.stream_server import port_of, stream_server

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
TRACE_ID = "01a220ca-5fd2-77b7-a338-c2ecc1aaf8bc"
HANG_UP, HANG = "hang up", "hang"
USUAL = {
    "CONNECT": "220 lab.example",
    "EHLO": "250-lab.example\r\n250 SIZE 1000000",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "DOT": "250 2.0.0 queued as 4711",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
    "AUTH": "235 2.7.0 welcome",
    "STARTTLS": "220 2.0.0 go on",
}


@dataclass
class SmtpScript:
    """A server that answers as it is told: `replies` by command, each a reply or a list of them."""

    replies: dict[str, object] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0
    tls: object = None
    port: int = 0
    server: asyncio.Server | None = None

    def reply(self, command):
        reply = self.replies.get(command, USUAL.get(command, "500 5.5.1 what?"))
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else USUAL[command]
        return reply

    async def handle(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if await self.say(writer, "CONNECT"):
                while await self.obey(reader, writer):
                    pass

    async def obey(self, reader, writer):
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        self.commands.append(line)
        command = line.split(" ")[0]
        if not await self.say(writer, command):
            return False
        if command == "STARTTLS":
            await writer.start_tls(self.tls)
        if command == "DATA" and self.commands[-1] == "DATA" and self.last.startswith("354"):
            self.mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
            return await self.say(writer, "DOT")
        return command != "QUIT"

    async def say(self, writer, command):
        self.last = self.reply(command)
        if self.last == HANG_UP:
            return False
        if self.last == HANG:
            await asyncio.Event().wait()
        writer.write(f"{self.last}\r\n".encode())
        await writer.drain()
        return True

    @property
    def mail(self):
        [content] = self.mails
        return message_from_bytes(content, policy=default)


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
async def smtp():
    script = SmtpScript()
    async with stream_server(script.handle, limit=1 << 22) as server:
        script.port, script.server = port_of(server), server
        yield script


@pytest.fixture
async def opened(smtp):
    """Open a provider of this server; options as in its URL."""
    made = []

    def opened(options="", *, user="", scheme="smtp", timeout=60):
        sender = "" if "from=" in options else "from=Shop%20<shop@example.org>&"
        url = f"{scheme}://{user}127.0.0.1:{smtp.port}?{sender}timeout_seconds={timeout}&{options}"
        provider, _ = PROVIDERS.open(url, ProviderContext("email", now=lambda: NOW), Limits())
        made.append(provider)
        return provider

    yield opened
    for provider in made:
        await provider.close()


@pytest.fixture
def message():
    """Make a message to Ada."""

    def message(address="ada@example.com", **more):
        fields = {
            "trace_id": TRACE_ID,
            "channel": "email",
            "attempt": 1,
            "idempotency_key": TRACE_ID,
            "message": "Hello Ada",
            "subject": "Your order",
        }
        return OutgoingMessage(address=address, **{**fields, **more})

    return message
