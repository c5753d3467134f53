"""A TCP proxy that fails as networks do, to be put in front of any server.

    async with TcpProxy(redis_url) as proxy:
        queue = RedisListQueue(proxy.url)
        proxy.reset_after(17, of=Direction.REPLIES)

A fault lasts until `heal`. TCP never delivers a stream with a hole in it, so `heal` resets those
connections from which bytes were swallowed; the others go on.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from datetime import timedelta
from enum import Enum, auto
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

from asyncnotify.local.ports import HOST

_CHUNK_BYTES: Final = 65536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER, on, 0 s: close sends RST, not FIN


class Direction(Enum):
    """Which way bytes go."""

    REQUESTS = auto()
    REPLIES = auto()


class TcpProxy:
    """Passes bytes between clients and the server that `target_url` names, until told otherwise.

    `latency` holds back each chunk of bytes, both ways, by that much ± `jitter`. `passed` counts
    the bytes that went through.
    """

    def __init__(self, target_url: str) -> None:
        self.point_at(target_url)
        self.latency = timedelta(0)
        self.jitter = timedelta(0)
        self.passed: Counter[Direction] = Counter()
        self._target_url = urlsplit(target_url)
        self._swallowed: frozenset[Direction] = frozenset()
        self._cut_after: dict[Direction, int] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port that clients are to use; it stays the same when stopped and started again."""
        return self._port

    @property
    def url(self) -> str:
        """The target's URL, but through the proxy."""
        credentials, at, _ = self._target_url.netloc.rpartition("@")
        netloc = f"{credentials}{at}{HOST}:{self._port}"
        return urlunsplit(self._target_url._replace(netloc=netloc))

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._links)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Reset all connections and refuse new ones."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        ending = [link.ended.wait() for link in self._links]
        self.close_all()
        self._flowing.set()
        await asyncio.gather(*ending)
        await server.wait_closed()

    def point_at(self, target_url: str) -> None:
        """Pass new connections to another server; those that there are stay as they are."""
        target = urlsplit(target_url)
        if target.hostname is None or target.port is None:
            raise ValueError(f"no host and port in {target_url!r}")
        self._target: tuple[str, int] = (target.hostname, target.port)

    def reset_after(self, n_bytes: int, *, of: Direction = Direction.REPLIES) -> None:
        """Let `n_bytes` more pass that way, then reset the connection that they belong to; once."""
        self._cut_after[of] = n_bytes

    def drop_replies(self) -> None:
        """Pass requests on, but swallow what the server answers."""
        self._swallowed = frozenset({Direction.REPLIES})

    def blackhole(self) -> None:
        """Swallow everything, both ways; connections stay open, new ones are accepted."""
        self._swallowed = frozenset(Direction)

    def pause(self) -> None:
        """Hold everything back, as a network does that is down for a while."""
        self._flowing.clear()

    def close_all(self) -> None:
        """Reset all connections, on both sides."""
        for link in list(self._links):
            link.reset()

    def heal(self) -> None:
        """End all faults; reset the connections that have lost bytes."""
        self._swallowed = frozenset()
        self._cut_after.clear()
        self.latency = self.jitter = timedelta(0)
        for link in list(self._links):
            if link.has_lost_bytes:
                link.reset()
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            upstream = await asyncio.open_connection(*self._target)
            link.attach(upstream[1])
            await asyncio.gather(
                self._pump(link, Direction.REQUESTS, reader, upstream[1]),
                self._pump(link, Direction.REPLIES, upstream[0], writer),
            )
        except OSError:
            return  # the server is gone, and so the client is reset
        finally:
            link.reset()
            self._links.discard(link)
            link.ended.set()

    async def _pump(
        self,
        link: "_Link",
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._delay()
                if direction in self._swallowed:
                    link.has_lost_bytes = True
                    continue
                passing, is_cut = self._cut(direction, chunk)
                self.passed[direction] += len(passing)
                writer.write(passing)
                await writer.drain()
                if is_cut:
                    link.reset()
            if direction not in self._swallowed:
                writer.write_eof()
        except OSError:
            link.reset()

    async def _delay(self) -> None:
        await self._flowing.wait()
        jitter_s = self.jitter.total_seconds()
        delay_s = self.latency.total_seconds() + random.uniform(-jitter_s, jitter_s)  # noqa: S311
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    def _cut(self, direction: Direction, chunk: bytes) -> tuple[bytes, bool]:
        left = self._cut_after.get(direction)
        if left is None:
            return chunk, False
        if len(chunk) < left:
            self._cut_after[direction] = left - len(chunk)
            return chunk, False
        del self._cut_after[direction]
        return chunk[:left], True


class _Link:
    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.has_lost_bytes = False
        self.ended = asyncio.Event()
        self._is_reset = False
        self._client = client
        self._server: asyncio.StreamWriter | None = None

    def attach(self, server: asyncio.StreamWriter) -> None:
        self._server = server
        if self._is_reset:
            _reset(server)

    def reset(self) -> None:
        self._is_reset = True
        _reset(self._client)
        if self._server is not None:
            _reset(self._server)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
