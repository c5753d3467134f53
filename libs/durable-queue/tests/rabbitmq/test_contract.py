"""RabbitMQ keeps the queue's contract, on a real node."""

from collections.abc import AsyncIterator

import pytest
from testkit.queue_contract import AdoptingContract, QueueContract, QueueHarness
from testkit.rabbitmq_harness import rabbitmq_harness

pytestmark = pytest.mark.rabbitmq


class TestRabbitQueue(QueueContract, AdoptingContract):
    @pytest.fixture
    async def harness(self, rabbitmq_url: str) -> AsyncIterator[QueueHarness]:
        async with rabbitmq_harness(rabbitmq_url) as harness:
            yield harness
