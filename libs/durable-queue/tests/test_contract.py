"""Every adapter keeps the queue's contract."""

from collections.abc import AsyncIterator

import pytest
from testkit.memory_harness import memory_harness
from testkit.queue_contract import AdoptingContract, QueueContract, QueueHarness
from testkit.redis_list_harness import redis_list_harness


class TestRedisListQueue(QueueContract, AdoptingContract):
    @pytest.fixture
    async def harness(self, every_redis_url: str) -> AsyncIterator[QueueHarness]:
        async with redis_list_harness(every_redis_url) as harness:
            yield harness


class TestInMemoryQueue(QueueContract):
    @pytest.fixture
    def harness(self) -> QueueHarness:
        return memory_harness()
