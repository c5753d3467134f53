"""Putting messages into the broker: each is confirmed, and routed, or an error is raised."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from aio_pika import Message as AmqpMessage
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.channel import Channel as UnderlayChannel

from durable_queue.port import QueueUnavailable
from durable_queue.rabbitmq.connection import Connection, notify_when_closed
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.errors import as_queue_errors
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology

_BLOCKED: Final = "RabbitMQ accepts nothing: out of memory or disk"
_RENEW_AFTER_S: Final = 10.0


class PublisherSession:
    """The channels of the publishing connection: one to publish, one to declare and ask."""

    def __init__(
        self,
        connection: AbstractConnection,
        publishing: AbstractChannel,
        asking: AbstractChannel,
        topology: Topology,
    ) -> None:
        self.asking = asking
        self._connection = connection
        self._publishing = publishing
        self._topology = topology
        self._lanes: set[str] = set()
        self._declaring = asyncio.Lock()

    async def check(self) -> None:
        """Ask the broker something."""
        if not self.is_blocked:
            await self._topology.declare_dead_queue(self.asking)

    @property
    def is_blocked(self) -> bool:
        """Tell whether the broker has announced that it takes nothing."""
        transport = self._connection.transport
        if transport is None:
            return False
        ready = transport.connection.ready()
        try:
            ready.send(None)  # returns at once unless the connection is blocked
        except StopIteration:
            return False
        finally:
            ready.close()
        return True

    @property
    def version(self) -> str:
        """The broker's version."""
        transport = self._connection.transport
        found = transport.connection.server_properties.get("version") if transport else None
        return found.decode() if isinstance(found, bytes) else str(found or "")

    async def publish(self, exchange: str, key: str, envelope: Envelope) -> None:
        """Publish, and wait until the broker has confirmed."""
        # aio-pika would write one message after the other; this lets those of one tick go together.
        channel = cast(UnderlayChannel, await self._publishing.get_underlay_channel())
        await channel.basic_publish(
            envelope.body,
            exchange=exchange,
            routing_key=key,
            properties=envelope.properties(),
            mandatory=True,
            wait=False,
        )

    async def ensure_lane(self, lane: str) -> None:
        """Declare a lane's queue, once."""
        if lane in self._lanes:
            return
        async with self._declaring:
            queue = await self._topology.declare_lane(self.asking, lane)
            await self._topology.bind_lane(queue, lane)
            self._lanes.add(lane)

    async def count(self, lane: str) -> int:
        """Return how many messages of a lane nobody holds."""
        await self.ensure_lane(lane)
        queue = await self._topology.look_at_lane(self.asking, lane)
        return queue.declaration_result.message_count or 0

    async def count_delayed(self) -> int:
        """Return how many messages of all lanes wait for their time."""
        return await self._topology.count_delayed(self.asking)


class Publisher:
    """Publishes over a connection of its own, so that a consumer's trouble isn't a producer's.

    All methods raise `QueueUnavailable` within the call timeout when the broker doesn't answer.
    """

    def __init__(self, url: str, options: RabbitOptions) -> None:
        self.topology = Topology(options)
        self._lanes = options.lanes
        self._timeout_s = options.call_timeout.total_seconds()
        self._renewed_at = -_RENEW_AFTER_S
        self._connection = Connection(url, options, role="publish", set_up=self._set_up)

    async def to_lane(self, envelope: Envelope, *, is_new: bool = False) -> None:
        """Put a message at the end of its lane."""
        exchange = self.topology.input if is_new else self.topology.work
        await self._publish(exchange, envelope)

    async def to_delay_queue(self, envelope: Envelope, delay_ms: int) -> None:
        """Let a message come back to its lane in about `delay_ms`, or earlier."""
        await self._publish(self.topology.retry(self.topology.tier_for(delay_ms)), envelope)

    async def to_dead_letters(self, envelope: Envelope) -> None:
        """Keep a message that was given up."""
        await self._publish(self.topology.dead, envelope, key=f"{envelope.lane}.dead")

    async def ping(self) -> None:
        """Publish something that goes nowhere, and look at a queue."""
        with as_queue_errors():
            session = await self._connection.get()
            self._refuse_if_blocked(session)
            async with asyncio.timeout(self._timeout_s):
                exchange = await session.asking.get_exchange(self.topology.ping, ensure=False)
                await exchange.publish(AmqpMessage(b""), "", mandatory=False)
                await session.check()

    async def count(self, lane: str) -> int:
        """Return how many messages of a lane nobody holds."""
        with as_queue_errors():
            session = await self._connection.get()
            async with asyncio.timeout(self._timeout_s):
                return await session.count(lane)

    async def count_all(self, lane: str) -> int:
        """Return how many messages of a lane nobody holds, and how many are delayed.

        All lanes' delayed ones: the broker can't tell them apart.
        """
        with as_queue_errors():
            session = await self._connection.get()
            async with asyncio.timeout(self._timeout_s):
                waiting, delayed = await asyncio.gather(
                    session.count(lane), session.count_delayed()
                )
                return waiting + delayed

    async def server_version(self) -> str:
        """Return RabbitMQ's version."""
        session = await self._connection.get()
        return session.version

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _publish(self, exchange: str, envelope: Envelope, key: str | None = None) -> None:
        with as_queue_errors():
            session = await self._connection.get()
            self._refuse_if_blocked(session)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._routed(session, exchange, key or envelope.lane, envelope)
            except TimeoutError:
                if not session.is_blocked:
                    self._connection.reset("a publish was not confirmed in time")
                raise

    async def _routed(
        self, session: PublisherSession, exchange: str, key: str, envelope: Envelope
    ) -> None:
        # Also before a delay queue: what comes out of it must have somewhere to go.
        await session.ensure_lane(envelope.lane)
        try:
            await session.publish(exchange, key, envelope)
        except PublishError:
            # Somebody deleted the queue. Not declared again at once and on these channels: they
            # still count messages as if to the old queue, and RabbitMQ 3.10 would confirm ours and
            # never deliver it.
            self._connection.reset("a message was returned: its queue, or a binding, was deleted")
            raise
        except DeliveryError:
            self._renew_channels()
            raise

    def _renew_channels(self) -> None:
        # A channel that met a limit goes on being refused when the limit is gone; but where there
        # still is one, connections shall not be cut again and again.
        now = asyncio.get_running_loop().time()
        if now - self._renewed_at > _RENEW_AFTER_S:
            self._renewed_at = now
            self._connection.reset("a message was refused")

    def _refuse_if_blocked(self, session: PublisherSession) -> None:
        if session.is_blocked:
            raise QueueUnavailable(_BLOCKED)

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> PublisherSession:
        asking = await connection.channel(publisher_confirms=True, on_return_raises=True)
        publishing = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await self.topology.declare(asking)
        for channel in (asking, publishing):
            notify_when_closed(channel, "a channel", broken)
        session = PublisherSession(connection, publishing, asking, self.topology)
        for lane in self._lanes:
            await session.ensure_lane(lane)
        return session
