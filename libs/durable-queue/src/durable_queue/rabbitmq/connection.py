"""A connection that reconnects, however long the broker was away.

The client's own "robust" connection restores channels and consumers one by one, and has ways to
restore none of them. Here whatever breaks — the connection, a channel, a consumer — ends the whole
session, and a new one is set up from nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

from durable_queue.backoff import Outage
from durable_queue.port import QueueError, QueueUnavailable
from durable_queue.rabbitmq.errors import as_queue_errors, regardless
from durable_queue.rabbitmq.options import RabbitOptions

log = get_logger(__name__)

_CLOSE_TIMEOUT_S = 2.0
_REST_S = 0.2


class Session(Protocol):
    """What is set up on a connection: channels, consumers."""

    async def check(self) -> None:
        """Raise if it does not work any more."""
        ...


L = TypeVar("L", bound=Session)


class Connection(Generic[L]):
    """Keeps one connection, and what `set_up` makes on it, from its first use on.

    `set_up` is given the connection and a function to call when something of it is broken.
    """

    def __init__(
        self,
        url: str,
        options: RabbitOptions,
        *,
        role: str,
        set_up: Callable[[AbstractConnection, Callable[[str], None]], Awaitable[L]],
    ) -> None:
        self._url = with_heartbeat(url, options.heartbeat)
        self._role = role
        self._set_up = set_up
        self._timeout_s = options.call_timeout.total_seconds()
        self._watch_s = options.watch_every.total_seconds()
        self._session: L | None = None
        self._is_up = asyncio.Event()
        self._is_broken = asyncio.Event()
        self._closing = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._outage = Outage(f"rabbitmq: {role}")
        self._error: QueueError | None = None

    @property
    def session(self) -> L | None:
        """What is set up now, if it is."""
        return self._session

    async def get(self) -> L:
        """Return what is set up; wait for it at first, but not through an outage.

        Raises:
            QueueUnavailable: RabbitMQ can't be reached.
            UnsafeBroker: it has other queues under our names.
        """
        if self._session is not None:
            return self._session
        if self._closing.is_set():
            raise QueueUnavailable("the queue is closed")
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name=f"rabbitmq {self._role}")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1 if self._error else self._timeout_s):
                await self._is_up.wait()
        if (session := self.session) is None:
            raise self._error or QueueUnavailable("RabbitMQ did not answer in time")
        return session

    def reset(self, why: str) -> None:
        """Have everything set up anew."""
        if not self._is_broken.is_set() and not self._closing.is_set():
            log.warning("rabbitmq.connection_broken", role=self._role, why=why)
            self._session = None
            self._is_up.clear()
            self._is_broken.set()

    async def close(self) -> None:
        """Close the connection for good."""
        self._closing.set()
        self._is_broken.set()
        if self._keeping is not None:
            await self._keeping
        self._session = None

    async def _keep(self) -> None:
        while not self._closing.is_set():
            try:
                with as_queue_errors():
                    async with asyncio.timeout(self._timeout_s * 4):
                        connection = await self._connect()
            except QueueError as error:
                self._error = error
                await pause(self._closing, self._outage.failed(self._error))
                continue
            self._outage.over()
            await self._watch()
            self._session = None
            self._is_up.clear()
            self._error = self._error or QueueUnavailable("the connection to RabbitMQ broke")
            await _hang_up(connection)
            # A queue that was deleted is declared again by its next user. By then the broker
            # must have told all who used it, or they go on with what they knew of the old one.
            await pause(self._closing, _REST_S)

    async def _connect(self) -> AbstractConnection:
        self._is_broken.clear()
        connection = await aio_pika.connect(
            self._url,
            timeout=self._timeout_s,
            client_properties={"connection_name": self._role},
        )
        notify_when_closed(connection, "the connection", self.reset)
        try:
            self._session = await self._set_up(connection, self.reset)
        except BaseException:
            await _hang_up(connection)
            raise
        if not self._is_broken.is_set():
            self._error = None
            self._is_up.set()
        return connection

    async def _watch(self) -> None:
        """Return when the session is broken, or doesn't answer."""
        while not await pause(self._is_broken, self._watch_s):
            session = self._session
            try:
                with as_queue_errors():
                    async with asyncio.timeout(self._watch_s):
                        if session is not None:
                            await session.check()
            except QueueError as error:
                self.reset(f"it does not answer: {error!r}")


def notify_when_closed(
    closable: AbstractConnection | AbstractChannel, name: str, broken: Callable[[str], None]
) -> None:
    """Have it said, and why, when a connection or a channel is closed, by whichever end."""

    def report(_: object, why: BaseException | None = None) -> None:
        reason = str(why or "")
        broken(f"{name} was closed: {reason}" if reason else f"{name} was closed")

    closable.close_callbacks.add(report)


def with_heartbeat(url: str, heartbeat: timedelta) -> str:
    """Return the URL with a heartbeat, unless it names one of its own."""
    parts = urlsplit(url)
    own = {"heartbeat": str(heartbeat // timedelta(seconds=1))}
    return urlunsplit(parts._replace(query=urlencode(own | dict(parse_qsl(parts.query)))))


async def _hang_up(connection: AbstractConnection) -> None:
    with regardless():
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await connection.close()
