"""The Redis adapter on every installed redis-server; the contract has the rest."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from durable_queue.messages import MAX_ATTEMPTS
from durable_queue.port import Enqueued, Message
from durable_queue.redis_list.queue import RedisListQueue

SOON = timedelta(seconds=2)


@pytest.fixture
async def queue(every_redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(every_redis_url)
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
