"""The ledger's Redis fails over, and the old primary stays up as a replica that hears nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from durable_queue.port import Change
from notification_ledger.reading import LedgerUnavailable, RecordQuery, StatusChange
from notification_ledger.redis import RedisLedger
from testkit.failover import Pair, redis_pair
from testkit.ledger.harness import recorded

CEILING_S = 60


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with redis_pair(tmp_path) as pair:
        yield pair


@pytest.fixture
async def ledger(pair: Pair) -> AsyncIterator[RedisLedger]:
    ledger = RedisLedger(pair.url)
    yield ledger
    await ledger.close()


async def test_records_are_written_to_and_read_from_the_new_primary(
    pair: Pair, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("before", Change.ENQUEUED))
    assert await ledger.get("before")
    await pair.fail_over()
    pair.move_name()

    await ledger.record(recorded("after", Change.ENQUEUED))

    async with asyncio.timeout(CEILING_S):
        while await ledger.get("after") is None:
            await asyncio.sleep(0.1)
    found = await ledger.find(RecordQuery())
    assert {record.trace_id for record in found.items} == {"before", "after"}


async def test_a_follower_hears_of_what_the_new_primary_is_told(
    pair: Pair, ledger: RedisLedger
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
    await pair.fail_over()
    pair.move_name()

    await ledger.record(recorded("after", Change.ENQUEUED))

    async with asyncio.timeout(CEILING_S):
        assert await listening == "after"


async def test_a_replica_is_read_from_as_long_as_the_name_leads_to_it(
    pair: Pair, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("before", Change.ENQUEUED))
    await pair.fail_over()

    with pytest.raises(LedgerUnavailable, match="read-only replica"):
        await ledger.record(recorded("after", Change.ENQUEUED))
    assert await ledger.get("before")
