"""What arrives: lanes are consumed ahead of time, so that a worker never waits for the network.

A message that arrived waits here until a worker asks. One that is not yet due goes into the next
delay queue instead, and one without an id is adopted.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as UnderlayChannel
from service_kit.logs import get_logger

from durable_queue.port import QueueError
from durable_queue.rabbitmq.connection import Connection, notify_when_closed
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.errors import as_queue_errors, regardless
from durable_queue.rabbitmq.incoming import IncomingMessage, Returns
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology

log = get_logger(__name__)

_SETTLE_S: Final = 0.005
_SETTLE_ROUNDS: Final = 2


@dataclass(slots=True, kw_only=True)
class ReceivedCopy:
    """A copy that this process holds; the broker gives it to another when the session breaks."""

    envelope: Envelope
    incoming: IncomingMessage
    session: "ConsumerSession"
    was_delayed: bool = False

    @property
    def own_lane(self) -> str:
        """The lane that it was last put into by us; by hand it may come into another."""
        return str(self.incoming.headers.get("x-an-stage", self.envelope.lane))

    def mark_uncertain(self, is_uncertain: bool) -> None:
        """Let all copies that follow say that an earlier start may have had its effect."""
        if is_uncertain and not self.envelope.uncertain:
            self.envelope = replace(self.envelope, uncertain=True)

    def move_to(self, lane: str) -> None:
        """Go on with it in another lane, where attempts are counted anew."""
        self.envelope = self.envelope.in_lane(lane)
        self.incoming.go_away()

    def done(self) -> None:
        """Tell the broker that this copy is no longer needed."""
        self.incoming.ack()


Examine = Callable[[str, IncomingMessage, "ConsumerSession"], Awaitable[ReceivedCopy | None]]
"""Says what is to wait for a worker; None if there is nothing."""


class ConsumerSession:
    """The consumers of one connection, and what they brought."""

    def __init__(
        self,
        channel: AbstractChannel,
        underlay: UnderlayChannel,
        topology: Topology,
        examine: Examine,
        prefetch: int,
    ) -> None:
        self.buffers: dict[str, deque[ReceivedCopy]] = {}
        self.is_live = True
        self.returns = Returns(underlay)
        self._channel = channel
        self._underlay = underlay
        self._topology = topology
        self._examine = examine
        self._prefetch = prefetch
        self._examining = 0
        self._subscribing = asyncio.Lock()
        self._consumers: dict[str, str] = {}
        self._waiting: dict[asyncio.Future[None], Sequence[str]] = {}

    async def check(self) -> None:
        """Ask the broker something, and for whether our consumers are still there."""
        if not self.buffers:
            await self._topology.declare_dead_queue(self._channel)
        for lane in list(self.buffers):
            queue = await self._topology.declare_lane(self._channel, lane)
            if not queue.declaration_result.consumer_count and lane in self.buffers:
                raise QueueError(f"the consumer of {lane} is gone")

    def consumes(self, lanes: Sequence[str]) -> bool:
        """Tell whether all of these lanes are consumed."""
        return all(lane in self.buffers for lane in lanes)

    async def subscribe(self, lanes: Sequence[str]) -> None:
        """Consume these lanes from now on."""
        if self.consumes(lanes):
            return
        async with self._subscribing:
            for lane in lanes:
                if lane not in self.buffers:
                    await self._subscribe(lane)

    async def _subscribe(self, lane: str) -> None:
        queue = await self._topology.declare_lane(self._channel, lane)
        await self._topology.bind_lane(queue, lane)
        self.buffers[lane] = deque()
        try:
            begun = await self._underlay.basic_consume(queue.name, partial(self._on_message, lane))
        except BaseException:
            del self.buffers[lane]
            raise
        self._consumers[lane] = begun.consumer_tag or ""

    async def leave(self, lanes: Sequence[str]) -> None:
        """Consume these lanes no more, and give back what waits here."""
        async with self._subscribing:
            for lane in set(lanes) & set(self._consumers):
                tag = self._consumers.pop(lane)
                held = self.buffers.pop(lane)
                await self._underlay.basic_cancel(tag)
                for copy in held:
                    copy.incoming.give_back()

    async def fetch(self, lanes: Sequence[str], within_s: float) -> None:
        """Wait, at most so long, until what the broker has is here, or all that may be ahead."""
        loop = asyncio.get_running_loop()
        until, before, unchanged = loop.time() + within_s, -1, 0
        while unchanged < _SETTLE_ROUNDS and loop.time() < until:
            left = 0
            for lane in lanes:
                if self.returns.held[lane] < self._prefetch:
                    queue = await self._topology.declare_lane(self._channel, lane)
                    left += queue.declaration_result.message_count or 0
            moving = left != before or self._examining > 0
            before, unchanged = left, 0 if moving else unchanged + 1
            await asyncio.sleep(_SETTLE_S)

    def take(self, order: Sequence[str], limit: int) -> list[ReceivedCopy]:
        """Return what waits here, that of earlier lanes first."""
        found: list[ReceivedCopy] = []
        for lane in order:
            buffer = self.buffers.get(lane)
            while buffer and len(found) < limit:
                found.append(buffer.popleft())
        return found

    def put_in_front(self, copy: ReceivedCopy) -> None:
        """Let a copy wait here before all others; of a lane that was left, give it back."""
        buffer = self.buffers.get(copy.envelope.lane)
        if buffer is None:
            copy.incoming.give_back_later()
        else:
            buffer.appendleft(copy)
            self.announce(copy.envelope.lane)

    def has_room_away(self, lane: str, more: int) -> bool:
        """Tell whether after so `more` yet another message of a lane may be worked on elsewhere.

        That is half of what may be fetched ahead: else a slow lane would keep the others waiting.
        """
        return self.is_live and self.returns.away[lane] + more < self._prefetch // 2

    def knows_that_none_waits(self, lane: str) -> bool | None:
        """Tell whether no message waits in a lane; None if it is not consumed here."""
        if lane not in self.buffers:
            return None
        # With all that may be fetched ahead in hand, there may be more in the broker.
        return not self.buffers[lane] and self.returns.held[lane] < self._prefetch

    async def wait(self, lanes: Sequence[str], at_most_s: float) -> None:
        """Return when there is something new in these lanes, or nothing more will be."""
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[news] = lanes
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(at_most_s):
                    await news
        finally:
            del self._waiting[news]

    def announce(self, lane: str | None = None) -> None:
        """Wake up the receives that wait for messages of a lane, or all."""
        for news, lanes in self._waiting.items():
            if (lane is None or lane in lanes) and not news.done():
                news.set_result(None)

    async def _on_message(self, lane: str, delivered: DeliveredMessage) -> None:
        incoming = IncomingMessage(delivered, lane, self.returns)
        self._examining += 1
        try:
            copy = await self._examine(lane, incoming, self)
        except Exception as error:
            # It comes again, until the broker itself makes it a dead letter.
            is_bug = not isinstance(error, QueueError)
            log.warning("rabbitmq.not_examined", lane=lane, error=str(error), exc_info=is_bug)
            incoming.give_back_later()
            return
        finally:
            self._examining -= 1
        if copy is None:
            return
        if lane not in self.buffers:  # it was left meanwhile
            incoming.give_back()
            return
        self.buffers[lane].append(copy)
        self.announce(lane)


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
