"""Pages that are put together from several indexes, in batches that never fit."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Change
from durable_queue.recorder import ChangeEvent
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import RecordQuery
from notification_ledger.redis import RedisLedger, paging
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import LedgerStore
from testkit.ledger.harness import recorded
from testkit.redis_server import RedisServer

START = datetime(2027, 1, 31, 9, tzinfo=UTC)
CHANGES = (Change.ENQUEUED, Change.STARTED, Change.DONE, Change.POISONED, Change.DELETED)

# Few different times, so that many records share one.
records = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CHANGES)), min_size=1, max_size=40)
LABELS = (None, ("a",), ("a", "b"))
queries = st.builds(
    RecordQuery,
    status=st.none() | st.sampled_from([Status.QUEUED, Status.FAILED]),
    reason=st.none() | st.just("poison"),
    tag=st.none() | st.sampled_from(["a", "b"]),
    reference=st.none() | st.just("0"),
    dead_letters=st.booleans(),
    since=st.none() | st.just(START + timedelta(milliseconds=1)),
    until=st.none() | st.just(START + timedelta(milliseconds=3)),
    limit=st.integers(1, 7),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    # More than a batch of one millisecond, of one status, before older ones of another.
    records=[(1, Change.ENQUEUED)] * 8 + [(0, Change.ENQUEUED)] * 2 + [(0, Change.DONE)] * 2,
    query=RecordQuery(limit=4),
)
@given(records=records, query=queries)
def test_pages_hold_what_the_ledger_in_memory_finds(
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    records: Sequence[tuple[int, Change]],
    query: RecordQuery,
) -> None:
    monkeypatch.setattr(paging, "_BATCH", 3)
    told = [
        ChangeEvent(
            change=change,
            message_id=new_trace_id(),
            lane="delivery.email.low",
            at=START + timedelta(milliseconds=milliseconds),
            due_at=None,
            note=StatusUpdate(
                status=Status.QUEUED, tags=LABELS[number % 3], reference=str(number % 4)
            ).encode(),
        )
        for number, (milliseconds, change) in enumerate(records)
    ]

    async def pages(ledger: LedgerStore) -> Sequence[Sequence[str]]:
        for change in told:
            await ledger.record(change)
        page = await ledger.find(query)
        found = [[record.trace_id for record in page.items]]
        while page.next_cursor:
            page = await ledger.find(replace(query, cursor=page.next_cursor))
            found.append([record.trace_id for record in page.items])
        await ledger.close()
        return found

    on_redis = RedisLedger(redis_server.url, namespace=new_trace_id())

    assert asyncio.run(pages(on_redis)) == asyncio.run(pages(MemoryLedger()))


async def test_a_rare_label_is_found_without_looking_at_all_others(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SCAN_LIMIT", 5)
    ledger = RedisLedger(redis_url)
    for number in range(30):
        labels = (
            {"tags": ("rare", "common"), "reference": "7"} if number == 0 else {"tags": ("common",)}
        )
        note = StatusUpdate(status=Status.QUEUED, user_id="one", **labels).encode()
        await ledger.record(recorded(f"{number:02}", Change.ENQUEUED, note))

    by_tag = await ledger.find(RecordQuery(tag="rare", user_id="one", status=Status.QUEUED))
    by_reference = await ledger.find(RecordQuery(reference="7", tag="common"))
    await ledger.close()

    for page in (by_tag, by_reference):
        assert ([each.trace_id for each in page.items], page.next_cursor) == (["00"], None)
