"""FastStream on Redis streams: acknowledged after the handler, group and consumer kept."""

import asyncio
import os
import sys

from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub
from job_counter import job_done
from redis.asyncio import Redis

AT_ONCE = int(os.environ.get("AT_ONCE", "0")) or None
BODY = {"user_id": "u", "message": "Your parcel arrives tomorrow between 9:00 and 11:00."}
broker = RedisBroker(os.environ["REDIS_URL"], logger=None)
app = FastStream(broker, logger=None)


@broker.subscriber(stream=StreamSub("jobs", group="g", consumer="c", max_records=AT_ONCE))
async def job(body: dict[str, str]) -> None:
    job_done()


async def fill(count: int) -> None:
    # The group must be there first, or it would begin after these messages.
    async with Redis.from_url(os.environ["REDIS_URL"]) as client:
        await client.xgroup_create("jobs", "g", id="0", mkstream=True)
    async with broker:
        for _ in range(count):
            await broker.publish(BODY, stream="jobs")


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])) if len(sys.argv) > 1 else app.run())
