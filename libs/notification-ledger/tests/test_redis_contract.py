import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.redis_list.queue import RedisListQueue
from durable_queue.redis_list.scripts import lua_sources
from notification_ledger.redis import RedisLedger, lua_recorder
from redis.asyncio import Redis
from testkit.ledger.harness import LedgerHarness
from testkit.ledger.ledger_contract import LedgerContract

MILLISECOND = timedelta(milliseconds=1)


class TestRedisLedger(LedgerContract):
    @pytest.fixture
    async def harness(self, redis_url: str) -> AsyncIterator[LedgerHarness]:
        # The queue's clock is that of Redis; these scripts let it go fast.
        sources = lua_sources()
        sources["prelude"] += "now = now + tonumber(redis.call('GET', 'skipped') or 0)\n"
        skipped = timedelta(0)
        queue = RedisListQueue(
            redis_url,
            recorder=lua_recorder(),
            lua=sources,
            monotonic=lambda: time.monotonic() + skipped.total_seconds(),
        )
        ledger = RedisLedger(redis_url)

        async def skip(by: timedelta) -> None:
            nonlocal skipped
            skipped += by
            async with Redis.from_url(redis_url) as redis:
                await redis.set("skipped", skipped // MILLISECOND)

        await queue.time()  # before it is set
        yield LedgerHarness(
            queue=queue, ledger=ledger, now=lambda: datetime.now(UTC) + skipped, skip=skip
        )
        await queue.close()
        await ledger.close()
