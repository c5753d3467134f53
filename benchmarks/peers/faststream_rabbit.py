"""FastStream on RabbitMQ: quorum queue, persistent, 128 unacknowledged at most."""

import asyncio
import os
import sys

from faststream import FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from job_counter import job_done

BODY = {"user_id": "u", "message": "Your parcel arrives tomorrow between 9:00 and 11:00."}
channel = Channel(prefetch_count=128)
broker = RabbitBroker(os.environ["AMQP_URL"], logger=None, default_channel=channel)
app = FastStream(broker, logger=None)
queue = RabbitQueue("faststream", durable=True, queue_type=QueueType.QUORUM)


@broker.subscriber(queue)
async def job(body: dict[str, str]) -> None:
    job_done()


async def fill(count: int) -> None:
    numbers = iter(range(count))

    async def publish() -> None:
        for _ in numbers:
            await broker.publish(BODY, "faststream", persist=True)

    async with broker:
        await broker.declare_queue(queue)
        await asyncio.gather(*(publish() for _ in range(64)))


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])) if len(sys.argv) > 1 else app.run())
