"""RabbitMQ keeps the queue's contract, on a real node."""

from collections.abc import AsyncIterator

import pytest
from testkit.queue_contract import AdoptingContract, QueueContract, QueueRig
from testkit.rabbitmq_rig import rabbitmq_rig

pytestmark = pytest.mark.rabbitmq


class TestRabbitQueue(QueueContract, AdoptingContract):
    @pytest.fixture
    async def rig(self, rabbitmq_url: str) -> AsyncIterator[QueueRig]:
        async with rabbitmq_rig(rabbitmq_url) as rig:
            yield rig
