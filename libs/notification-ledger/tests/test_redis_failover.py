"""The ledger's Redis fails over, and the old primary stays up as a replica that hears nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from durable_queue.port import Change
from notification_ledger.reading import LedgerUnavailable, RecordQuery, StatusChange
from notification_ledger.redis import RedisLedger
from testkit.failover import RedisPair
from testkit.ledger.harness import recorded

CEILING_S = 60


@pytest.fixture
async def ledger(redis_pair: RedisPair) -> AsyncIterator[RedisLedger]:
    ledger = RedisLedger(redis_pair.url)
    yield ledger
    await ledger.close()


async def test_records_are_written_to_and_read_from_the_new_primary(
    redis_pair: RedisPair, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("before", Change.ENQUEUED))
    assert await ledger.get("before")
    await redis_pair.fail_over()
    redis_pair.move_name()

    await ledger.record(recorded("after", Change.ENQUEUED))

    async with asyncio.timeout(CEILING_S):
        while await ledger.get("after") is None:
            await asyncio.sleep(0.1)
    found = await ledger.find(RecordQuery())
    assert {record.trace_id for record in found.items} == {"before", "after"}


async def test_a_follower_hears_of_what_the_new_primary_is_told(
    redis_pair: RedisPair, ledger: RedisLedger
) -> None:
    async def hear() -> str:
        while True:
            try:
                async with aclosing(ledger.changes("0-0")) as changes:
                    async for change in changes:
                        if isinstance(change, StatusChange):
                            return change.trace_id
            except LedgerUnavailable:
                await asyncio.sleep(0.1)

    listening = asyncio.create_task(hear())
    await asyncio.sleep(0.2)
    await redis_pair.fail_over()
    redis_pair.move_name()

    await ledger.record(recorded("after", Change.ENQUEUED))

    async with asyncio.timeout(CEILING_S):
        assert await listening == "after"


async def test_a_replica_is_read_from_as_long_as_the_name_leads_to_it(
    redis_pair: RedisPair, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("before", Change.ENQUEUED))
    await redis_pair.fail_over()

    with pytest.raises(LedgerUnavailable, match="read-only replica"):
        await ledger.record(recorded("after", Change.ENQUEUED))
    assert await ledger.get("before")
