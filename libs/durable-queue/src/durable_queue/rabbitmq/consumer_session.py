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
from typing import Final

from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as UnderlayChannel
from service_kit.logs import get_logger

from durable_queue.backoff import Outage
from durable_queue.port import QueueError
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.incoming import IncomingMessage, Returns
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
        self._held_up = 0
        self._outage = Outage("looking at what came from RabbitMQ")
        self._subscribing = asyncio.Lock()
        self._consumers: dict[str, str] = {}
        self._waiting: dict[asyncio.Future[None], Sequence[str]] = {}

    async def check(self) -> None:
        """Ask the broker something, and for whether our consumers are still there."""
        if not self.buffers:
            await self._topology.declare_dead_queue(self._channel)
        for lane in list(self.buffers):
            queue = await self._topology.look_at_lane(self._channel, lane)
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
                    queue = await self._topology.look_at_lane(self._channel, lane)
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
        if error := await self._take_in(lane, incoming):
            self._held_up += 1
            await self._look_again(lane, incoming, error)
            self._held_up -= 1
            if self.is_live and not self._held_up:
                self._outage.over()

    async def _look_again(
        self, lane: str, incoming: IncomingMessage, error: QueueError | None
    ) -> None:
        """Have it stay here: the broker counts what is given back, and makes it a dead letter."""
        while error:
            if not (self.is_live and lane in self.buffers):
                incoming.give_back()
                return
            await asyncio.sleep(self._outage.failed(error))
            error = await self._take_in(lane, incoming)

    async def _take_in(self, lane: str, incoming: IncomingMessage) -> QueueError | None:
        """Look at what came; return why to look again, if somebody could not be asked."""
        self._examining += 1
        try:
            copy = await self._examine(lane, incoming, self)
        except QueueError as error:
            incoming.is_redelivered = True  # so that what this look came to is not done twice
            return error
        except Exception:
            log.exception("rabbitmq.not_examined", lane=lane)
            incoming.give_back_later()
            return None
        finally:
            self._examining -= 1
        if copy is not None and lane in self.buffers:
            self.buffers[lane].append(copy)
            self.announce(lane)
        elif copy is not None:  # the lane was left meanwhile
            incoming.give_back()
        return None
