"""A RabbitMQ queue under test. Its clock can be moved on; the broker's delay queues really wait.

There is one delay queue, of a tenth of a second, out of which messages come to be looked at until
they are due by the harness's clock.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import aio_pika
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.topology import Topology
from durable_queue.recorder import ChangeEvent

from testkit.clock import FrozenClock
from testkit.queue_contract.harness import LANES, MAX_DELIVERIES, MAX_WAITING, QueueHarness

TIER: Final = timedelta(milliseconds=100)
_ROUND_S: Final = 0.35


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
        call_timeout=timedelta(seconds=10),
    )
    queue = RabbitQueue(
        url, recorder=events.append, options=options, now=clock, steady=clock.steady
    )

    async def advance(by: timedelta) -> None:
        clock.advance(by)
        await asyncio.sleep(_ROUND_S)

    async def jump(by: timedelta) -> None:
        clock.jump(by)

    async def recorded() -> list[ChangeEvent]:
        return list(events)

    async def push_raw(lane: str, raw: bytes) -> None:
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(f"{options.namespace}.input", ensure=False)
            await exchange.publish(aio_pika.Message(raw), lane)

    await queue.depths(LANES)  # declares
    try:
        yield QueueHarness(
            queue=queue,
            moment=moment,
            now=clock,
            advance=advance,
            jump=jump,
            recorded=recorded,
            push_raw=push_raw,
            promotes_by_itself=True,
            counts_delayed=False,
            shows_bodies=False,
            adopts_in_place=False,
        )
    finally:
        await queue.close()
        await delete_queues(url, options)


async def delete_queues(url: str, options: RabbitOptions) -> None:
    """Remove what a harness declared."""
    async with await aio_pika.connect(url) as connection:
        await Topology(options).remove(await connection.channel(), LANES)
