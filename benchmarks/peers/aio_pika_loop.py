"""A bare aio-pika loop: quorum queue, persistent, confirmed, 128 unacknowledged at most."""

import asyncio
import os
import sys

import aio_pika
import uvloop
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from job_counter import job_done

BODY = b'{"user_id":"u","message":"Your parcel arrives tomorrow between 9:00 and 11:00."}'
QUORUM = {"x-queue-type": "quorum"}


async def fill(channel: AbstractChannel, count: int) -> None:
    numbers = iter(range(count))

    async def publish() -> None:
        for _ in numbers:
            message = aio_pika.Message(BODY, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "bare", mandatory=True)

    await asyncio.gather(*(publish() for _ in range(64)))


async def on_message(message: AbstractIncomingMessage) -> None:
    job_done()
    await message.ack()


async def main() -> None:
    connection = await aio_pika.connect(os.environ["AMQP_URL"])
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(128)
    queue = await channel.declare_queue("bare", durable=True, arguments=QUORUM)
    if len(sys.argv) > 1:
        await fill(channel, int(sys.argv[1]))
        return
    await queue.consume(on_message)
    await asyncio.Event().wait()


uvloop.run(main())
