"""The consuming connection: what it consumes, also after it was made anew."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel as UnderlayChannel

from durable_queue.rabbitmq.connection import Connection, notify_when_closed
from durable_queue.rabbitmq.consumer_session import ConsumerSession, Examine
from durable_queue.rabbitmq.errors import as_queue_errors, regardless
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology


class Consumer:
    """Keeps the consuming connection."""

    def __init__(self, url: str, options: RabbitOptions, examine: Examine) -> None:
        self._topology = Topology(options)
        self._examine = examine
        self._prefetch = options.prefetch
        self._timeout_s = options.call_timeout.total_seconds()
        self._lanes: dict[str, None] = {}
        self._connection = Connection(url, options, role="consume", set_up=self._set_up)

    @property
    def session(self) -> ConsumerSession | None:
        """What is consumed now, if anything is."""
        return self._connection.session

    async def consuming(self, lanes: Sequence[str]) -> tuple[ConsumerSession, bool]:
        """Return a session on which these lanes are consumed, and whether that is new.

        Raises:
            QueueUnavailable: RabbitMQ can't be reached.
        """
        with as_queue_errors():
            session = await self._connection.get()
            is_new = not session.consumes(lanes)
            async with asyncio.timeout(self._timeout_s):
                await session.subscribe(lanes)
        self._lanes.update(dict.fromkeys(lanes))
        return session, is_new

    async def leave(self, lanes: Sequence[str]) -> None:
        """Consume these lanes no more, now and after the next connection is made.

        Raises:
            QueueUnavailable: the broker takes back what it has sent when the connection ends.
        """
        for lane in lanes:
            self._lanes.pop(lane, None)
        if self.session is None:
            return
        with as_queue_errors():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self.session.leave(lanes)
            except BaseException:
                # What was fetched ahead may be neither here nor given back.
                self._connection.reset("a lane could not be left")
                raise

    async def fetch(self, session: ConsumerSession, lanes: Sequence[str]) -> None:
        """Wait until what the broker has for these lanes is here. Raises `QueueUnavailable`."""
        with as_queue_errors():
            async with asyncio.timeout(self._timeout_s):
                await session.fetch(lanes, self._timeout_s / 2)

    async def close(self) -> None:
        """Close the connection; the broker takes back what was not acknowledged."""
        if self.session is not None:
            self.session.announce()
            with regardless():
                async with asyncio.timeout(self._timeout_s):
                    await self.session.returns.tell()
        await self._connection.close()

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> ConsumerSession:
        channel = await connection.channel(publisher_confirms=False)
        await self._topology.declare(channel)
        await channel.set_qos(prefetch_count=self._prefetch, global_=False)
        underlay = cast(UnderlayChannel, await channel.get_underlay_channel())
        session = ConsumerSession(channel, underlay, self._topology, self._examine, self._prefetch)

        def end(why: str) -> None:
            session.is_live = False
            session.announce()
            broken(why)

        notify_when_closed(channel, "the channel", end)
        underlay.on_consumer_cancel_callbacks.add(lambda *_: end("the broker cancelled a consumer"))
        await session.subscribe(list(self._lanes))
        return session
