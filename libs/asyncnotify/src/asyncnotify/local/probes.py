"""Asks processes of this machine whether they are ready, in a single exchange.

Measured: an HTTP client and a Redis client would be half of what `asyncnotify up` loads, and a
client for each question a quarter of the CPU of a start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

_ANSWERS_WITHIN_S: Final = 2.0
Answer = TypeVar("Answer")


async def is_ready(host: str, port: int) -> bool:
    """Ask a service's readiness endpoint."""
    request = f"GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

    async def status(reader: asyncio.StreamReader) -> bool:
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")

    return await _asked(host, port, request, status) or False


async def redis_info(host: str, port: int) -> Mapping[str, str]:
    """Ask a Redis for its INFO, which it gives while it loads its data, too; empty if it can't."""

    async def lines(reader: asyncio.StreamReader) -> Mapping[str, str]:
        head = await reader.readline()  # as `$5123`, which is the length of the rest
        if not head.startswith(b"$"):
            return {}
        text = (await reader.readexactly(int(head[1:]))).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    return await _asked(host, port, "INFO\r\n", lines) or {}


async def _asked(
    host: str, port: int, request: str, read: Callable[[asyncio.StreamReader], Awaitable[Answer]]
) -> Answer | None:
    """Return what is read of the answer; None if there is none in time."""
    with suppress(OSError, EOFError):  # of which TimeoutError and IncompleteReadError are kinds
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request.encode())
                return await read(reader)
            finally:
                writer.close()
    return None
