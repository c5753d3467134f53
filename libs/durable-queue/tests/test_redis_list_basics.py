"""The Redis adapter on every installed redis-server; the contract has the rest."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from durable_queue.messages import MAX_ATTEMPTS
from durable_queue.port import Enqueued, Message
from durable_queue.redis_list.queue import RedisListQueue
from redis.asyncio import Redis
from testkit.message_text import columns_of
from testkit.redis_list_harness import PATIENT

SOON = timedelta(seconds=60)


@pytest.fixture
async def queue(every_redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(every_redis_url, options=PATIENT)
    yield queue
    await queue.close()


async def test_message_goes_through_two_lanes(queue: RedisListQueue) -> None:
    sent = await queue.send(Message(id="m1", lane="validation", body=b"\x00\xff hello"))

    [first] = await queue.receive(["validation"], limit=10, wait=SOON)
    await first.forward("delivery")
    [second] = await queue.receive(["validation", "delivery"], limit=10, wait=SOON)
    await second.start()
    await second.ack()

    assert sent == Enqueued("m1")
    assert (second.lane, second.body, second.max_attempts) == ("delivery", first.body, MAX_ATTEMPTS)
    assert await queue.receive(["validation", "delivery"], limit=10, wait=timedelta(0)) == []


# As texts were before empty columns at the end, and a time that is the same, were left out.
WAITING = (
    b"queued\t1695882303982\t\t\t\t\tvalidation\t100\t\t\t\t\t\t\t1695882303982\t\t\t\n"
    b"queued\t\t0\t\t\t\tuser-69\t\t\t\t\nq0\n"
)


@pytest.mark.parametrize(
    "text", [WAITING, WAITING.replace(b"\t\t\t\t\t\t\t1695882303982\t\t\t", b"")]
)
async def test_text_is_read_with_all_its_columns_or_without_the_empty_ones(
    queue: RedisListQueue, every_redis_url: str, text: bytes
) -> None:
    await queue.send(Message(id="m1", lane="validation", body=b"{}"))
    async with Redis.from_url(every_redis_url) as redis:
        await redis.set("{an:0}:e:m1", text)
        assert (await queue.depths(["validation"]))["validation"].oldest_waiting > timedelta(days=1)
        [delivery] = await queue.receive(["validation"], limit=1, wait=SOON)
        await delivery.start()

        columns = await columns_of(redis, "{an:0}:e:m1")
    assert (delivery.max_attempts, columns["st"], columns["born"]) == (
        100,
        "started",
        "1695882303982",
    )
