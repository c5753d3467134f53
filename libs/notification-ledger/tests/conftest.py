from collections.abc import AsyncIterator

import pytest

pytest.register_assert_rewrite("testkit.ledger")

from notification_ledger.redis import RedisLedger  # noqa: E402 - after what must come first
from redis.asyncio import Redis  # noqa: E402
from testkit.failover import redis_pair  # noqa: E402
from testkit.rabbitmq_server import rabbitmq_node, rabbitmq_url  # noqa: E402
from testkit.redis_server import (  # noqa: E402
    private_redis,
    redis_server,
    redis_url,
)
from testkit.wall_clock_fixture import wall_clock  # noqa: E402

__all__ = [
    "private_redis",
    "rabbitmq_node",
    "rabbitmq_url",
    "redis_pair",
    "redis_server",
    "redis_url",
    "wall_clock",
]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def ledger(redis_url: str) -> AsyncIterator[RedisLedger]:
    ledger = RedisLedger(redis_url)
    yield ledger
    await ledger.close()
