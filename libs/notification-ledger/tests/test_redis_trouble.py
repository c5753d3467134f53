"""A ledger whose Redis is down, dies, is full or falls behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.ports import free_port
from durable_queue.port import Change
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.reading import ChangesMissed, LedgerUnavailable, RecordQuery, StatusChange
from notification_ledger.redis import RedisLedger, paging
from notification_ledger.redis.claims import RedisClaimStore
from notification_ledger.status_update import StatusUpdate
from redis.asyncio import Redis
from testkit.ledger.harness import recorded

NOTE = StatusUpdate(status=Status.DELIVERED)


@pytest.mark.parametrize(
    "call",
    [
        lambda ledger: ledger.get("one"),
        lambda ledger: ledger.find(RecordQuery()),
        lambda ledger: ledger.latest_change(),
        lambda ledger: anext(ledger.changes()),
        lambda ledger: anext(ledger.changes("1-1")),
        lambda ledger: ledger.record(recorded("one", Change.ENQUEUED)),
        lambda ledger: ledger.report_receipt("fake", "one", NOTE),
        lambda ledger: ledger.ping(),
    ],
)
async def test_a_redis_that_is_not_there_makes_it_unavailable(
    call: Callable[[RedisLedger], Awaitable[object]],
) -> None:
    ledger = RedisLedger(f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(LedgerUnavailable):
        await call(ledger)

    await ledger.close()


async def test_it_goes_on_when_redis_is_back(private_redis: EmbeddedRedis) -> None:
    ledger = RedisLedger(private_redis.url)
    await ledger.record(recorded("one", Change.ENQUEUED))
    await private_redis.stop()
    with pytest.raises(LedgerUnavailable):
        await ledger.get("one")

    await private_redis.start()

    assert await ledger.get("one") is not None
    await ledger.close()


async def test_a_follower_is_told_when_redis_dies_and_can_go_on_after_it(
    private_redis: EmbeddedRedis,
) -> None:
    ledger = RedisLedger(private_redis.url)
    async with aclosing(ledger.changes("0-0")) as changes:
        await ledger.record(recorded("one", Change.ENQUEUED))
        seen = await anext(changes)
        await private_redis.stop()
        with pytest.raises(LedgerUnavailable):
            await anext(changes)
    await private_redis.start()
    await ledger.record(recorded("two", Change.ENQUEUED))

    assert isinstance(seen, StatusChange)
    async with aclosing(ledger.changes(seen.id)) as changes, asyncio.timeout(60):
        then = await anext(changes)

    assert isinstance(then, StatusChange)
    assert then.trace_id == "two"
    await ledger.close()


async def test_closing_it_ends_what_follows(ledger: RedisLedger) -> None:
    following = asyncio.create_task(anext(ledger.changes()))
    await asyncio.sleep(0.1)

    await ledger.close()

    with pytest.raises(LedgerUnavailable):
        await asyncio.wait_for(following, 60)


@pytest.mark.parametrize("has_begun", [False, True])
async def test_who_begins_to_follow_while_it_is_closed_is_told(
    ledger: RedisLedger, has_begun: bool
) -> None:
    following = asyncio.create_task(anext(ledger.changes()))
    if has_begun:
        await asyncio.sleep(0)

    await ledger.close()

    with pytest.raises(LedgerUnavailable):
        await asyncio.wait_for(following, 60)


async def test_who_would_follow_after_the_end_opens_no_connection(
    ledger: RedisLedger, redis_url: str
) -> None:
    await ledger.close()
    with pytest.raises(LedgerUnavailable):
        await anext(ledger.changes())

    async with Redis.from_url(redis_url) as redis, asyncio.timeout(60):
        while (await redis.info("clients"))["connected_clients"] > 1:
            await asyncio.sleep(0.02)


async def test_a_full_redis_refuses_what_is_new_and_takes_what_is_under_way(
    ledger: RedisLedger, redis_url: str
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED))
    async with Redis.from_url(redis_url) as redis:
        await redis.config_set("maxmemory", 1)

        with pytest.raises(LedgerUnavailable):
            await ledger.record(recorded("two", Change.ENQUEUED))
        await ledger.record(recorded("one", Change.DONE))

    record = await ledger.get("one")
    assert record is not None
    assert record.status is Status.SENT


async def test_changes_that_are_no_longer_kept_are_reported_as_a_gap(
    ledger: RedisLedger, redis_url: str
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED))
    seen = await ledger.latest_change()
    for trace_id in ("two", "three", "four"):
        await ledger.record(recorded(trace_id, Change.ENQUEUED))
    async with Redis.from_url(redis_url) as redis:
        await redis.xtrim("{an:0}:changes", maxlen=1, approximate=False)

    async with aclosing(ledger.changes(seen)) as changes, asyncio.timeout(60):
        missed, then = await anext(changes), await anext(changes)

    assert missed == ChangesMissed()
    assert isinstance(then, StatusChange)
    assert then.trace_id == "four"


async def test_a_follower_who_is_slow_catches_up(ledger: RedisLedger) -> None:
    async with aclosing(ledger.changes("0-0")) as changes:
        await ledger.record(recorded("first", Change.ENQUEUED))
        await anext(changes)
        told = {f"{number}" for number in range(1_600)}
        await asyncio.gather(*(ledger.record(recorded(each, Change.ENQUEUED)) for each in told))
        async with asyncio.timeout(60):
            seen = [await anext(changes) for _ in told]

    assert {change.trace_id for change in seen if isinstance(change, StatusChange)} == told


async def test_a_rare_match_is_looked_for_in_bounded_steps(
    ledger: RedisLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SCAN_LIMIT", 5)
    monkeypatch.setattr(paging, "_BATCH", 5)
    rare = StatusUpdate(status=Status.QUEUED, channel="sms").encode()
    trace_id = new_trace_id()
    await ledger.record(recorded(trace_id, Change.ENQUEUED, rare))
    for _ in range(12):
        await ledger.record(recorded(new_trace_id(), Change.ENQUEUED))

    pages = [await ledger.find(RecordQuery(channel="sms"))]
    while cursor := pages[-1].next_cursor:
        pages.append(await ledger.find(RecordQuery(channel="sms", cursor=cursor)))

    assert pages[0].items == ()
    assert [record.trace_id for page in pages for record in page.items] == [trace_id]


async def test_a_redis_that_would_lose_records_and_claims_is_named(redis_url: str) -> None:
    writer = RedisClaimStore(redis_url)
    before = await writer.faults()
    async with Redis.from_url(redis_url) as redis:
        await redis.config_set("appendonly", "no")

    [fault] = await writer.faults()

    await writer.close()
    assert before == []
    assert fault.startswith("LEDGER_URL: appendonly is no")
