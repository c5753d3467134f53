"""`make show-lua NAME=...` shows what Redis really gets."""

from datetime import timedelta

import pytest
from durable_queue.redis_list.queue import RedisListQueue
from durable_queue.redis_list.scripts import Script
from notification_ledger.redis.claims import RedisClaimStore
from notification_ledger.redis.scripts import lua_recorder
from redis.asyncio import Redis
from testkit.show_lua import main


async def test_what_is_shown_is_what_redis_has(redis_url: str) -> None:
    queue = RedisListQueue(redis_url, recorder=lua_recorder())
    await queue.receive(["validation.normal"], limit=1, wait=timedelta(0))
    await queue.close()
    claims = RedisClaimStore(redis_url)
    await claims.run("recall", "", "")
    await claims.close()

    shown = [main([name]) for name in ("claim", "ledger/claim")]
    async with Redis.from_url(redis_url) as redis:
        known = await redis.script_exists(*(Script.of("shown", each).sha for each in shown))
    assert known == [True, True]


def test_names_are_listed() -> None:
    assert {"claim", "settle", "tick", "ledger/claim"} <= set(main([]).splitlines())
    with pytest.raises(SystemExit, match="there is no script 'clam'"):
        main(["clam"])
