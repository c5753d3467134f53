"""`record.lua` and `transitions.py` are one set of rules, written twice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from durable_queue.port import Change
from durable_queue.recorder import ChangeEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notification_contracts.states import Reason, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import NotificationRecord
from notification_ledger.redis import RedisLedger
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import LedgerStore
from testkit.redis_server import RedisServer

START = datetime(2027, 1, 31, 9, tzinfo=UTC)
TEXT = st.text(max_size=12)

notes = st.builds(
    StatusUpdate,
    status=st.sampled_from(Status),
    reason=st.none() | st.sampled_from(Reason) | TEXT,
    detail=st.none() | TEXT,
    channel=st.none() | st.sampled_from(["email", "sms"]) | TEXT,
    provider=st.none() | TEXT,
    attempt=st.none() | st.integers(0, 20),
    attempts=st.none() | st.integers(0, 20),
    duration_ms=st.none() | st.floats(0, 1e6),
    user_id=st.none() | st.sampled_from(["a", "b"]) | TEXT,
)
changes = st.builds(
    ChangeEvent,
    change=st.sampled_from(Change),
    message_id=st.just(""),
    lane=st.sampled_from(["validation.low", "delivery.email.high", "delivery"]),
    at=st.just(START),
    due_at=st.none() | st.just(START + timedelta(days=1)),
    note=st.just(b"") | notes.map(StatusUpdate.encode),
    is_uncertain=st.booleans(),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(changes, min_size=1, max_size=8), reports=st.lists(notes, max_size=2))
def test_any_history_makes_the_same_record(
    redis_server: RedisServer, history: Sequence[ChangeEvent], reports: Sequence[StatusUpdate]
) -> None:
    trace_id = new_trace_id()
    told = [
        replace(recorded, message_id=trace_id, at=START + timedelta(seconds=second))
        for second, recorded in enumerate(history)
    ]

    async def what_it_says(ledger: LedgerStore) -> NotificationRecord | None:
        for recorded in told:
            await ledger.record(recorded)
        for note in reports:
            await ledger.report(trace_id, note)
        record = await ledger.get(trace_id)
        await ledger.close()
        # A report has the time of the store, so times are left out where one may be.
        timeline = tuple(replace(entry, at=START) for entry in record.timeline) if record else ()
        return record and replace(record, timeline=timeline, updated_at=START)

    on_redis = asyncio.run(what_it_says(RedisLedger(redis_server.url)))
    in_memory = asyncio.run(what_it_says(MemoryLedger()))

    assert on_redis == in_memory
