"""Exchanges and queues, all durable; the queues are quorum queues.

    <ns>.input       direct    ─► <ns>.<lane>.v1     `send`, and foreign producers
    <ns>.work        direct    ─► <ns>.<lane>.v1     forward, retry at once, and what was delayed
    <ns>.retry.<t>   fanout    ─► <ns>.retry.<t>.v1  waits there; then by its own routing key, the
                                                     lane, to <ns>.work
    <ns>.dlx         topic #   ─► <ns>.dlq.v1        dead letters, never trimmed
    <ns>.ping        fanout    ─► nothing            for health checks
                                  <ns>.desk          while a process browses <ns>.dlq.v1

A queue's arguments can't be changed: its name ends in a version for the day on which they must.
What can be left to an operator's policies, such as `max-length`, is no argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue
from pamqp.common import FieldValue
from service_kit.epoch import whole_ms

from durable_queue.rabbitmq.options import RabbitOptions

Arguments = dict[str, FieldValue]

_ENDLESS: Final = 1_000_000
# The count of deliveries that makes a message poison is kept by its claim; this is the last resort
# against a message that takes its consumer down before it is claimed. The broker counts what a
# consumer had ahead of time as well, so a low limit would dead-letter innocent neighbours.
_LAST_RESORT: Final = 1000
_QUORUM: Final[Arguments] = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}


@dataclass(frozen=True, slots=True)
class Topology:
    """Names, and how they are declared. Declaring twice does nothing; a mismatch is refused."""

    options: RabbitOptions

    @property
    def input(self) -> str:
        """The exchange for new messages."""
        return f"{self.options.namespace}.input"

    @property
    def work(self) -> str:
        """The exchange for messages that move on."""
        return f"{self.options.namespace}.work"

    @property
    def dead(self) -> str:
        """The exchange for dead letters."""
        return f"{self.options.namespace}.dlx"

    @property
    def dead_queue(self) -> str:
        """The queue of dead letters."""
        return f"{self.options.namespace}.dlq.v1"

    @property
    def browser_lock(self) -> str:
        """The exclusive queue of the process that browses the dead letters."""
        return f"{self.options.namespace}.desk"

    @property
    def status(self) -> str:
        """The exchange for what is asked of the claim server."""
        return f"{self.options.namespace}.status"

    @property
    def ping(self) -> str:
        """The exchange that leads nowhere."""
        return f"{self.options.namespace}.ping"

    def retry(self, tier: timedelta) -> str:
        """The exchange of a delay queue."""
        return f"{self.options.namespace}.retry.{_period(tier)}"

    def lane_queue(self, lane: str) -> str:
        """The queue of a lane."""
        return f"{self.options.namespace}.{lane}.v1"

    def tier_for(self, delay_ms: int) -> timedelta:
        """Choose the delay queue: the longest that is not too long, else the shortest."""
        tiers = self.options.tiers
        fitting = [tier for tier in tiers if tier <= timedelta(milliseconds=delay_ms)]
        return max(fitting, default=min(tiers))

    async def declare(self, channel: AbstractChannel) -> None:
        """Declare what does not depend on lanes."""
        dead = await channel.declare_exchange(self.dead, ExchangeType.TOPIC, durable=True)
        # Before the queues that point to it: without it, what they give up is stuck in them.
        queue = await self.declare_dead_queue(channel)
        await queue.bind(dead, "#")
        await channel.declare_exchange(self.input, ExchangeType.DIRECT, durable=True)
        await channel.declare_exchange(self.work, ExchangeType.DIRECT, durable=True)
        await channel.declare_exchange(self.ping, ExchangeType.FANOUT, durable=True)
        for tier in self.options.tiers:
            await self._declare_tier(channel, tier)

    async def look_at_lane(self, channel: AbstractChannel, lane: str) -> AbstractQueue:
        """Ask for a lane's queue; its `declaration_result` tells of messages and consumers.

        If it was deleted, the channel is closed. It is not declared again here: who consumed it may
        not have been told yet, and RabbitMQ 3.10 would have them consume the new one, but keep
        from them what it brings.
        """
        return await channel.declare_queue(self.lane_queue(lane), passive=True)

    async def declare_lane(self, channel: AbstractChannel, lane: str) -> AbstractQueue:
        """Declare a lane's queue."""
        arguments: Arguments = _QUORUM | {
            "x-dead-letter-exchange": self.dead,
            "x-dead-letter-routing-key": f"{lane}.limit",
            "x-dead-letter-strategy": "at-least-once",
            "x-delivery-limit": _LAST_RESORT,
        }
        return await channel.declare_queue(self.lane_queue(lane), durable=True, arguments=arguments)

    async def bind_lane(self, queue: AbstractQueue, lane: str) -> None:
        """Let a lane's messages in."""
        await queue.bind(self.work, lane)
        await queue.bind(self.input, lane)

    async def declare_dead_queue(self, channel: AbstractChannel) -> AbstractQueue:
        """Declare the queue of dead letters."""
        arguments: Arguments = _QUORUM | {"x-delivery-limit": _ENDLESS}
        return await channel.declare_queue(self.dead_queue, durable=True, arguments=arguments)

    async def count_delayed(self, channel: AbstractChannel) -> int:
        """Return how many messages there are in all delay queues."""
        total = 0
        for tier in self.options.tiers:
            queue = await channel.declare_queue(f"{self.retry(tier)}.v1", passive=True)
            total += queue.declaration_result.message_count or 0
        return total

    async def remove(self, channel: AbstractChannel, lanes: Sequence[str]) -> None:
        """Delete all of it, with what is in it; what does not exist does not matter."""
        queues = [self.lane_queue(lane) for lane in lanes]
        queues += [self.dead_queue, *(f"{self.retry(tier)}.v1" for tier in self.options.tiers)]
        for name in queues:
            await channel.queue_delete(name)
        exchanges = [self.input, self.work, self.dead, self.status, self.ping]
        for name in (*exchanges, *(self.retry(tier) for tier in self.options.tiers)):
            await channel.exchange_delete(name)

    async def _declare_tier(self, channel: AbstractChannel, tier: timedelta) -> None:
        exchange = await channel.declare_exchange(
            self.retry(tier), ExchangeType.FANOUT, durable=True
        )
        arguments: Arguments = _QUORUM | {
            "x-message-ttl": whole_ms(tier),
            "x-dead-letter-exchange": self.work,
            "x-dead-letter-strategy": "at-least-once",
            "x-delivery-limit": _ENDLESS,
        }
        name = f"{self.retry(tier)}.v1"
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        await queue.bind(exchange)


def _period(tier: timedelta) -> str:
    milliseconds = whole_ms(tier)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
