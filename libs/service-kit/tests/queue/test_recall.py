"""`recall` says what `send` would, on every adapter."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from service_kit.queue.memory import InMemoryQueue
from service_kit.queue.port import Conflict, Dedupe, Duplicate, Message, Queue
from service_kit.queue.redis_list.queue import RedisListQueue

FIRST = Dedupe(key="k", fingerprint="f", answer="queued")


@pytest.fixture(params=["memory", "redis"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    if request.param == "memory":
        yield InMemoryQueue()
        return
    queue = RedisListQueue(request.getfixturevalue("redis_url"))
    yield queue
    await queue.close()


async def test_an_unknown_key_is_not_recalled(queue: Queue) -> None:
    assert await queue.recall(FIRST) is None


async def test_a_repetition_is_recalled_with_the_first_answer(queue: Queue) -> None:
    message = Message(id="m1", lane="lane", body=b"", dedupe=FIRST)
    await queue.send(message)

    recalled = await queue.recall(FIRST)

    assert recalled == Duplicate("m1", "queued")
    assert recalled == await queue.send(replace(message, id="m2"))


async def test_another_message_under_the_key_is_a_conflict(queue: Queue) -> None:
    await queue.send(Message(id="m1", lane="lane", body=b"", dedupe=FIRST))

    assert await queue.recall(replace(FIRST, fingerprint="g")) == Conflict("m1")
