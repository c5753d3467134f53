"""`record.lua` and `rules.py` make the same record of the same changes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Change
from durable_queue.recorder import ChangeEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notification_contracts.states import Reason, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import NotificationRecord, Target
from notification_ledger.redis import RedisLedger
from notification_ledger.rules import RECEIPTS, REPORTED, REPORTED_OF_ONE, RULES
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import LedgerStore
from testkit.ledger.harness import recorded
from testkit.redis_server import RedisServer

START = datetime(2027, 1, 31, 9, tzinfo=UTC)
TEXT = st.text(max_size=12)

notes = st.builds(
    StatusUpdate,
    status=st.sampled_from(Status),
    reason=st.none() | st.sampled_from(Reason) | TEXT,
    detail=st.none() | TEXT,
    channel=st.none() | st.sampled_from(["email", "sms"]) | TEXT,
    provider=st.none() | st.just("p") | TEXT,
    attempt=st.none() | st.integers(0, 20),
    attempts=st.none() | st.integers(0, 20),
    duration_ms=st.none() | st.floats(0, 1e6),
    user_id=st.none() | st.sampled_from(["a", "b"]) | TEXT,
    message_id=st.none() | st.sampled_from("mn") | TEXT,
    targets=st.none() | st.lists(st.builds(Target, detail=st.none() | TEXT), max_size=3).map(tuple),
    delivery_mode=st.none() | st.sampled_from(["captured", "redirected"]),
    tags=st.none() | st.lists(st.sampled_from(["a", "b:1", "c.d"]) | TEXT, max_size=3).map(tuple),
    reference=st.none() | TEXT,
    is_test=st.none() | st.just(True),
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
@given(
    history=st.lists(changes, min_size=1, max_size=8),
    early=st.lists(notes, max_size=3),
    late=st.lists(notes, max_size=3),
)
def test_any_history_makes_the_same_record(
    redis_server: RedisServer,
    history: Sequence[ChangeEvent],
    early: Sequence[StatusUpdate],
    late: Sequence[StatusUpdate],
) -> None:
    trace_id = new_trace_id()
    told = [
        replace(event, message_id=trace_id, at=START + timedelta(seconds=second))
        for second, event in enumerate(history)
    ]

    async def what_it_says(ledger: LedgerStore) -> tuple[NotificationRecord | None, list[bool]]:
        found = [await ledger.report_receipt("p", "m", note) for note in early]
        for event in told:
            await ledger.record(event)
        found += [await ledger.report_receipt("p", "m", note) for note in late]
        record = await ledger.get(trace_id)
        await ledger.close()
        # A report has the time of the store, so times are left out where one may be.
        timeline = tuple(replace(entry, at=START) for entry in record.timeline) if record else ()
        return record and replace(record, timeline=timeline, updated_at=START), found

    on_redis = asyncio.run(what_it_says(RedisLedger(redis_server.url, namespace=trace_id)))
    in_memory = asyncio.run(what_it_says(MemoryLedger()))

    assert on_redis == in_memory


WAYS: dict[str, Sequence[str]] = {
    "scheduled": (Change.SCHEDULED,),
    "queued": (Change.ENQUEUED,),
    "validated": (Change.ENQUEUED, Change.FORWARDED),
    "sending": (Change.ENQUEUED, Change.STARTED),
    "retrying": (Change.ENQUEUED, Change.RETRIED),
    "sent": (Change.ENQUEUED, Change.DONE),
    "delivered": (Change.ENQUEUED, Change.DONE, REPORTED),
    "failed": (Change.ENQUEUED, Change.DEAD),
    "deleted": (Change.ENQUEUED, Change.DEAD, Change.DELETED),
    "undelivered": (Change.ENQUEUED, Change.DONE, REPORTED),
    "cancelled": (Change.ENQUEUED, Change.CANCELLED),
    "expired": (Change.ENQUEUED, Change.EXPIRED),
}
"""How a record gets into each status; `deleted` and `undelivered` failed as no dead letters."""


async def after(ledger: LedgerStore, changes: Sequence[tuple[str, bytes]]) -> object:
    """Return what a record says after changes, each with its note."""
    trace_id = new_trace_id()
    (first, _), *later = changes
    targets = tuple(
        Target(target=n, outcome="accepted", provider="fake", message_id=f"{trace_id}-{n}")
        for n in "12"
    )
    taken = StatusUpdate(status=Status.QUEUED, targets=targets)
    alone = StatusUpdate(status=Status.SENT, provider="fake", message_id=trace_id)
    names = {change for change, _ in later}
    if REPORTED_OF_ONE not in names:
        taken = replace(alone, status=Status.QUEUED)
    for change, told in [(first, taken.encode()), *later]:
        # A record of both kinds of receipts got the name of one message with its end.
        note = alone.encode() if change == Change.DONE and names >= RECEIPTS else told
        update = StatusUpdate.decode(note) or StatusUpdate(status=Status.DELIVERED)
        if change == REPORTED:
            assert await ledger.report_receipt("fake", trace_id, update)
        elif change == REPORTED_OF_ONE:
            assert await ledger.report_receipt("fake", f"{trace_id}-2", update)
        else:
            event = recorded(trace_id, Change(change), note, lane="delivery.email.normal")
            await ledger.record(event)
    record = await ledger.get(trace_id)
    assert record is not None
    entries = [(entry.status, entry.reason, entry.detail) for entry in record.timeline]
    return record.status, record.reason, record.is_dead_letter, entries


@pytest.mark.parametrize("was", WAYS)
async def test_every_change_does_the_same_to_a_record_of_every_status(
    redis_server: RedisServer, was: str
) -> None:
    notes = (b"", *(StatusUpdate(status=status).encode() for status in Status))
    undelivered = StatusUpdate(status=Status.FAILED).encode() if was == "undelivered" else b""
    way = [(change, undelivered if change == REPORTED else b"") for change in WAYS[was]]
    # Where the rule does not heed the update's status, one update stands for all.
    stories = [
        [*way, (change, note)]
        for change, rule in RULES.items()
        for note in (notes if rule.heeds_update else notes[:2])
    ]
    on_redis, in_memory = RedisLedger(redis_server.url), MemoryLedger()

    found = [await after(on_redis, story) for story in stories]
    expected = [await after(in_memory, story) for story in stories]
    await on_redis.close()

    assert set(WAYS) == {*map(str, Status), "deleted", "undelivered"}
    assert set(RULES) == {*Change, REPORTED, REPORTED_OF_ONE}
    for story, one, other in zip(stories, found, expected, strict=True):
        assert one == other, story
