"""Counting dead letters in steps, and no further than a bound."""

import pytest
from durable_queue.port import Change
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.redis import RedisLedger, grouping
from notification_ledger.redis.grouping import DeadLetterCounter
from redis.asyncio import Redis
from testkit.ledger.harness import recorded


async def test_it_counts_in_steps_and_says_where_it_stopped(
    ledger: RedisLedger, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "_BATCH", 3)
    for number in range(10):
        lane = f"delivery.{'sms' if number % 2 else 'push'}.normal"
        await ledger.record(recorded(new_trace_id(), Change.POISONED, lane=lane))

    everything = await DeadLetterCounter(redis, "{an:0}").count()
    newest = await DeadLetterCounter(redis, "{an:0}", looks_at=6).count()

    assert (everything.is_complete, sum(each.count for each in everything.items)) == (True, 10)
    assert {each.reason for each in everything.items} == {"poison"}
    assert (newest.is_complete, sum(each.count for each in newest.items)) == (False, 6)


async def test_an_index_that_is_damaged_counts_nothing(ledger: RedisLedger, redis: Redis) -> None:
    await redis.set("{an:0}:x:failed", "no set")

    assert (await ledger.dead_letter_groups()).items == ()
