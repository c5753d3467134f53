"""A port that can break off all of its connections at once."""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast
from weakref import WeakSet

from asyncnotify.local.ports import HOST

from asyncnotify_lab.faults import HangUp, WireFault, happen

Choose = Callable[[asyncio.Transport], asyncio.Protocol]
"""Chooses the protocol of a connection that has just been made."""


class Listener:
    """Listens on a port of the loopback address, and gives each connection its protocol."""

    def __init__(
        self,
        choose: Choose,
        *,
        tls: ssl.SSLContext | None = None,
        connecting: Callable[[], WireFault | None] = lambda: None,
    ) -> None:
        """`connecting` says which fault a connection that is just being made has."""
        self._choose = choose
        self._tls = tls
        self._connecting = connecting
        self._server: asyncio.Server | None = None
        self._connections: WeakSet[asyncio.Transport] = WeakSet()
        self.port = 0

    async def open(self, port: int = 0) -> None:
        """Listen on this port; 0 is any free one the first time, and the same one after that.

        Raises:
            OSError: it is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._door, HOST, port or self.port, ssl=self._tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no longer, and break off what is connected."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for transport in list(self._connections):
            transport.abort()
        await asyncio.sleep(0)  # their protocols hear of it

    def _door(self) -> asyncio.Protocol:
        return _Door(self._choose, self._connecting(), self._connections)


class _Door(asyncio.Protocol):
    """Has the faults of a connection that has just been made, then lets its protocol take over."""

    def __init__(
        self, choose: Choose, fault: WireFault | None, connections: WeakSet[asyncio.Transport]
    ) -> None:
        self._choose = choose
        self._fault = fault
        self._connections = connections
        self._came_early = bytearray()
        self._waiting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        accepted = cast(asyncio.Transport, transport)
        self._connections.add(accepted)
        if self._fault is None:
            self._let_in(accepted)
        else:
            self._waiting = asyncio.create_task(self._hold(accepted, self._fault))

    def data_received(self, data: bytes) -> None:
        self._came_early += data

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting.cancel()

    async def _hold(self, transport: asyncio.Transport, fault: WireFault) -> None:
        try:
            await happen(fault)
        except HangUp:
            transport.abort()
        else:
            self._let_in(transport)

    def _let_in(self, transport: asyncio.Transport) -> None:
        protocol = self._choose(transport)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._came_early:
            protocol.data_received(bytes(self._came_early))
