"""taskiq on Redis streams; the worker is started with `--ack-type when_executed`."""

import asyncio
import os
import sys

from job_counter import job_done
from taskiq_redis import RedisStreamBroker

TEXT = "Your parcel arrives tomorrow between 9:00 and 11:00."
broker = RedisStreamBroker(os.environ["REDIS_URL"], queue_name="jobs", consumer_id="0")


@broker.task
async def job(user_id: str, message: str) -> None:
    job_done()


async def fill(count: int) -> None:
    await broker.startup()
    for _ in range(count):
        await job.kiq("u", TEXT)
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
