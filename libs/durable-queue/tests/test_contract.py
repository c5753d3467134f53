"""Every adapter keeps the queue's contract."""

from collections.abc import AsyncIterator

import pytest
from testkit.memory_rig import memory_rig
from testkit.queue_contract import AdoptingContract, QueueContract, QueueRig
from testkit.redis_list_rig import redis_list_rig


class TestRedisListQueue(QueueContract, AdoptingContract):
    @pytest.fixture
    async def rig(self, every_redis_url: str) -> AsyncIterator[QueueRig]:
        async with redis_list_rig(every_redis_url) as rig:
            yield rig


class TestInMemoryQueue(QueueContract):
    @pytest.fixture
    def rig(self) -> QueueRig:
        return memory_rig()
