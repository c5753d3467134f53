"""Half-sent requests: connections to the gateway that never finish their request."""

import asyncio
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from asyncnotify_prove.fault_log import FaultLog

CONNECTIONS: Final = 400
HALF_HEAD: Final = b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Le"
HALF_BODY: Final = (
    b"POST /notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 4096\r\n\r\n{"user_id": "prove-ok", "mess'
)
ANSWER_SECONDS: Final = 10.0
HOLD_SECONDS: Final = 20.0


@dataclass(slots=True)
class HalfSentRequests:
    """Connections to a URL, each with half a request; every other one stops within its body."""

    url: str
    fault_log: FaultLog
    answer_seconds: float = ANSWER_SECONDS
    hold_seconds: float = HOLD_SECONDS
    _open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    _began: float = 0.0

    async def begin(self) -> None:
        """Connect, and say half of it."""
        _make_room()
        self._began = time.time()
        for number in range(CONNECTIONS):
            with suppress(OSError):
                reader, writer = await self._connect()
                writer.write(HALF_BODY if number % 2 else HALF_HEAD)
                self._open.append((reader, writer))

    async def hold(self) -> None:
        """Wait until the gateway has hung up on all of them; note whether others still get in."""
        endings = [asyncio.create_task(_ended(reader)) for reader, _ in self._open]
        try:
            tried_at = time.time()
            if not await self._lets_others_in():
                self.fault_log.shut_out.append((tried_at, time.time()))
            if endings:
                _, waiting = await asyncio.wait(endings, timeout=self.hold_seconds)
                self.fault_log.held_open += [(self._began, time.time())] * len(waiting)
        finally:
            for _, writer in self._open:
                writer.transport.abort()
            self._open.clear()
            await asyncio.gather(*endings, return_exceptions=True)

    async def _lets_others_in(self) -> bool:
        try:
            async with asyncio.timeout(self.answer_seconds):
                reader, writer = await self._connect()
                writer.write(
                    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                try:
                    answer = await reader.read(64)
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return False
        return answer.startswith(b"HTTP/1.1 200")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = urlsplit(self.url)
        return await asyncio.open_connection(where.hostname, where.port)


async def _ended(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass


def _make_room() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
