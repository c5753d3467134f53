"""Kept connections to one upstream, and how a new one is made."""

import asyncio
import random
import socket
import ssl
from collections import deque
from time import monotonic
from typing import Final

from aiohappyeyeballs import start_connection

from service_kit.http.client_connection import UpstreamConnection
from service_kit.http.client_errors import UpstreamTimeout, UpstreamUnavailable

# Below what servers keep idle connections for, so that we rarely write to one that is closing.
_KEEP_IDLE_SECONDS: Final = 30
# RFC 8305, 5: when to try the next address beside the one that doesn't answer.
_NEXT_ADDRESS_SECONDS: Final = 0.25


class Upstream:
    """Where connections lead to."""

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self._host = host
        self._port = port
        self._tls = ssl.create_default_context() if tls else None

    async def connect(self) -> UpstreamConnection:
        """Make a connection.

        Raises:
            UpstreamUnavailable: none can be made.
        """
        loop = asyncio.get_running_loop()
        try:
            addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            # A name may stand for several processes: each is to get its share.
            random.shuffle(addresses)
            sock = await start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, loop=loop
            )
            _, connection = await loop.create_connection(
                UpstreamConnection,
                sock=sock,
                ssl=self._tls,
                server_hostname=self._host if self._tls else None,
            )
        except (OSError, UnicodeError) as error:
            raise UpstreamUnavailable(str(error) or type(error).__name__, sent=False) from error
        return connection


class ConnectionPool:
    """At most `limit` connections to one upstream; the one that was used last is used next.

    Whoever finds all of them busy waits for one, in turn, for up to `patience` seconds.
    """

    def __init__(self, upstream: Upstream, *, limit: int | None, patience: float) -> None:
        self._upstream = upstream
        self._limit = limit
        self._patience = patience
        # Each with the time since which it is idle.
        self._idle: dict[UpstreamConnection, float] = {}
        self._open: set[UpstreamConnection] = set()
        self._count = 0
        self._waiting: deque[asyncio.Future[UpstreamConnection | None]] = deque()

    def kept(self) -> UpstreamConnection | None:
        """Take an idle connection, if there is one."""
        while self._idle:
            connection, since = self._idle.popitem()
            if connection.is_kept and monotonic() - since < _KEEP_IDLE_SECONDS:
                return connection
            self.give_back(connection)
        return None

    async def take(self) -> UpstreamConnection:
        """Take an idle connection, or a new one.

        Raises:
            UpstreamUnavailable, UpstreamTimeout: there is none; nothing was sent.
        """
        try:
            async with asyncio.timeout(self._patience):
                return self.kept() or await self._new_or_next()
        except TimeoutError as error:
            raise UpstreamTimeout("no connection in time", sent=False) from error

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for others; if its request is not over, or it is closed, make room."""
        if not connection.is_kept:
            connection.give_up()
            self._make_room()
        elif (waiting := self._next_waiting()) is not None:
            waiting.set_result(connection)
        else:
            self._idle[connection] = monotonic()

    def forget_idle(self) -> None:
        """Close what is idle: the upstream may have closed it as well."""
        while self._idle:
            connection, _ = self._idle.popitem()
            connection.give_up()
            self._make_room()

    async def close(self) -> None:
        """Close all connections; requests on their way fail."""
        self.forget_idle()
        connections = list(self._open)
        for connection in connections:
            connection.fail(UpstreamUnavailable("the client is closed", sent=True))
        await asyncio.gather(*(connection.lost for connection in connections))

    async def _new_or_next(self) -> UpstreamConnection:
        if self._limit is None or self._count < self._limit:
            self._count += 1
            return await self._new()
        waiting: asyncio.Future[UpstreamConnection | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting.append(waiting)
        try:
            given = await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._pass_on(waiting.result())
            raise
        if given is not None and given.is_kept:
            return given
        # In the place of one that is no more.
        return await self._new()

    async def _new(self) -> UpstreamConnection:
        """Make a connection; it has been counted already."""
        try:
            connection = await self._upstream.connect()
        except BaseException:
            self._make_room()
            raise
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._note_loss(connection))
        return connection

    def _note_loss(self, connection: UpstreamConnection) -> None:
        self._open.discard(connection)
        if self._idle.pop(connection, None) is not None:
            self._make_room()

    def _pass_on(self, given: UpstreamConnection | None) -> None:
        if given is None:
            self._make_room()
        else:
            self.give_back(given)

    def _make_room(self) -> None:
        """Let who waits make a connection in the place of one that is no more."""
        waiting = self._next_waiting()
        if waiting is None:
            self._count -= 1
        else:
            waiting.set_result(None)

    def _next_waiting(self) -> "asyncio.Future[UpstreamConnection | None] | None":
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                return waiting
        return None
