"""A RabbitMQ queue under test. Its clock can be moved on; the broker's delay queues really wait.

There is one delay queue, of a tenth of a second, out of which messages come to be looked at until
they are due by the harness's clock.
"""

import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

import aio_pika
from durable_queue.rabbitmq.consumer import Consumer
from durable_queue.rabbitmq.consumer_session import ConsumerSession, ReceivedCopy
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.incoming import IncomingMessage
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.topology import Topology
from durable_queue.recorder import ChangeEvent, Recorder

from testkit.clock import FrozenClock
from testkit.queue_contract.harness import LANES, MAX_DELIVERIES, MAX_WAITING, QueueHarness
from testkit.running import until

TIER: Final = timedelta(milliseconds=100)


class WatchedQueue(RabbitQueue):
    """Knows what is in the delay queue, or on its way out of it to be looked at."""

    def __init__(
        self, url: str, *, options: RabbitOptions, clock: FrozenClock, recorder: Recorder
    ) -> None:
        super().__init__(url, recorder=recorder, options=options, now=clock, steady=clock.steady)
        self._delayed: Counter[tuple[str, str]] = Counter()
        self._looked_at: set[str] = set()
        self._to_delay_queue = self._publisher.to_delay_queue
        self._publisher.to_delay_queue = self._delay  # type: ignore[method-assign]
        self._consumer = Consumer(url, options, self._look_at)

    async def look_at_delayed(self) -> None:
        """Return when all that is delayed has been looked at once more."""
        self._looked_at = looked_at = set[str]()
        delayed = +self._delayed
        await self._consumer.consuming(sorted({lane for _, lane in delayed}))
        await until(lambda: {message_id for message_id, _ in delayed} <= looked_at)

    async def _delay(self, envelope: Envelope, delay_ms: int) -> None:
        self._delayed[envelope.id, envelope.lane] += 1
        try:
            await self._to_delay_queue(envelope, delay_ms)
        except BaseException:
            self._delayed[envelope.id, envelope.lane] -= 1
            raise

    async def _look_at(
        self, lane: str, incoming: IncomingMessage, session: ConsumerSession
    ) -> ReceivedCopy | None:
        looked_at = self._looked_at  # as of before
        copy = await self._acquirer.examine(lane, incoming, session)
        message_id = str(incoming.headers.get("x-an-event", ""))
        if self._delayed[message_id, lane]:
            self._delayed[message_id, lane] -= 1
            looked_at.add(message_id)
        return copy


@asynccontextmanager
async def rabbitmq_harness(
    url: str, *, moment: timedelta = timedelta(seconds=10)
) -> AsyncIterator[QueueHarness]:
    """Yield a harness with queues of its own."""
    events: list[ChangeEvent] = []
    clock = FrozenClock()
    options = RabbitOptions(
        namespace=f"t{secrets.token_hex(4)}",
        lease=6 * moment,
        max_deliveries=MAX_DELIVERIES,
        max_waiting=MAX_WAITING,
        prefetch=2000,
        tiers=(TIER,),
        call_timeout=timedelta(seconds=30),  # who takes long on a busy machine has not failed
    )
    queue = WatchedQueue(url, options=options, clock=clock, recorder=events.append)

    async def advance(by: timedelta) -> None:
        clock.advance(by)
        await queue.look_at_delayed()

    async def jump(by: timedelta) -> None:
        clock.jump(by)

    async def recorded() -> list[ChangeEvent]:
        return list(events)

    await queue.depths(LANES)  # declares
    try:
        yield QueueHarness(
            queue=queue,
            moment=moment,
            now=clock,
            advance=advance,
            jump=jump,
            recorded=recorded,
            push_raw=partial(_push_raw, url, options),
            promotes_by_itself=True,
            counts_delayed=False,
            shows_bodies=False,
            adopts_in_place=False,
        )
    finally:
        await queue.close()
        await delete_queues(url, options)


async def _push_raw(url: str, options: RabbitOptions, lane: str, raw: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(f"{options.namespace}.input", ensure=False)
        await exchange.publish(aio_pika.Message(raw), lane)


async def delete_queues(url: str, options: RabbitOptions) -> None:
    """Remove what a harness declared."""
    async with await aio_pika.connect(url) as connection:
        await Topology(options).remove(await connection.channel(), LANES)
