import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest
from durable_queue.port import Change
from notification_contracts.states import Status
from notification_ledger import memory
from notification_ledger.labels import LabelIndex
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import ChangesMissed, NotificationRecord, RecordQuery, StatusChange
from notification_ledger.status_update import StatusUpdate
from testkit.clock import FrozenClock
from testkit.ledger.harness import recorded

Write = Callable[..., MemoryLedger]
Known = Callable[[MemoryLedger], Awaitable[set[str]]]


@pytest.fixture
def write() -> Write:
    """Return a ledger of three records at most, after changes given as `id=change` in turn."""

    def make(*told: tuple[str, Change]) -> MemoryLedger:
        ledger = MemoryLedger(max_records=3)
        for trace_id, change in told:
            ledger(recorded(trace_id, change))
        return ledger

    return make


@pytest.fixture
def known() -> Known:
    """Return the trace ids that a ledger knows."""

    async def find(ledger: MemoryLedger) -> set[str]:
        page = await ledger.find(RecordQuery())
        return {record.trace_id for record in page.items}

    return find


async def test_what_ended_first_is_forgotten_first(write: Write, known: Known) -> None:
    ledger = write(
        ("waits", Change.ENQUEUED),
        ("ends second", Change.ENQUEUED),
        ("ends first", Change.ENQUEUED),
        ("ends first", Change.DONE),
        ("ends second", Change.CANCELLED),
        ("new", Change.ENQUEUED),
    )

    assert await known(ledger) == {"waits", "ends second", "new"}


async def test_dead_letters_outlive_what_ended(write: Write, known: Known) -> None:
    ledger = write(
        ("dead", Change.POISONED),
        ("deleted", Change.POISONED),
        ("deleted", Change.DELETED),
        ("waits", Change.ENQUEUED),
        ("new", Change.ENQUEUED),
    )

    assert await known(ledger) == {"dead", "waits", "new"}


async def test_the_oldest_is_forgotten_when_nothing_has_ended(write: Write, known: Known) -> None:
    ledger = write(*((f"{number}", Change.ENQUEUED) for number in range(5)))

    assert await known(ledger) == {"2", "3", "4"}


async def test_a_forgotten_notification_may_come_again(write: Write) -> None:
    ledger = write(
        ("deleted", Change.POISONED),
        ("deleted", Change.DELETED),
        *((f"{number}", Change.ENQUEUED) for number in range(3)),
        ("deleted", Change.POISONED),
    )

    record = await ledger.get("deleted")

    assert record is not None
    assert record.is_dead_letter


async def test_labels_change_and_go_with_their_records() -> None:
    index, ledger = LabelIndex(), MemoryLedger()
    note = StatusUpdate(status=Status.QUEUED, tags=("a", "b"), reference="7").encode()
    ledger(recorded("one", Change.ENQUEUED, note))
    record = await ledger.get("one")
    assert record is not None

    index.update("one", None, record)
    index.update("one", record, changed := replace(record, tags=("b", "c")))
    asked = [RecordQuery(tag="a"), RecordQuery(tag="c", reference="7"), RecordQuery(user_id="x")]
    assert [index.candidates(query) for query in asked] == [{}, {"one": None}, None]

    index.update("one", changed, None)
    assert [index.candidates(query) for query in asked] == [{}, {}, None]


async def test_a_receipt_waits_ten_minutes_for_its_record() -> None:
    clock = FrozenClock()
    ledger = MemoryLedger(now=clock)
    told = StatusUpdate(status=Status.DELIVERED)
    await ledger.report_receipt("twilio", "in time", told)
    await ledger.report_receipt("twilio", "too early", told)
    clock.advance(timedelta(minutes=9))
    await ledger.report_receipt("twilio", "in time", told)
    clock.advance(timedelta(minutes=2))

    for name in ("in time", "too early"):
        taken = StatusUpdate(status=Status.SENT, provider="twilio", message_id=name)
        ledger(recorded(name, Change.DONE, taken.encode()))

    statuses = [record and record.status for record in await both(ledger, "in time", "too early")]
    assert statuses == [Status.DELIVERED, Status.SENT]


async def test_receipts_that_wait_are_bounded() -> None:
    ledger = MemoryLedger(max_records=3)
    for number in range(5):
        await ledger.report_receipt("p", f"{number}", StatusUpdate(status=Status.DELIVERED))

    for number in (1, 2):
        taken = StatusUpdate(status=Status.SENT, provider="p", message_id=f"{number}")
        ledger(recorded(f"{number}", Change.DONE, taken.encode()))

    statuses = [record and record.status for record in await both(ledger, "1", "2")]
    assert statuses == [Status.SENT, Status.DELIVERED]


async def test_message_of_an_entry_that_the_timeline_lost_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MAX_TIMELINE", 25)
    ledger = MemoryLedger()
    for number in range(30):
        words = StatusUpdate(status=Status.RETRYING, provider="p", message_id=f"m{number}")
        ledger(recorded("one", Change.RETRIED, words.encode()))

    told = StatusUpdate(status=Status.SENT)
    found = [await ledger.report_receipt("p", f"m{number}", told) for number in (0, 22, 29)]

    assert found == [True, False, True]


async def both(ledger: MemoryLedger, *trace_ids: str) -> list[NotificationRecord | None]:
    return [await ledger.get(each) for each in trace_ids]


async def test_a_follower_who_is_too_slow_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_CHANGES", 10)
    ledger = MemoryLedger()
    start = await ledger.latest_change()
    async with aclosing(ledger.changes(start)) as changes:
        ledger(recorded("first", Change.ENQUEUED))
        assert isinstance(await anext(changes), StatusChange)
        for number in range(11):
            ledger(recorded(f"{number}", Change.ENQUEUED))

        missed, then = await anext(changes), await anext(changes)

    assert missed == ChangesMissed()
    assert isinstance(then, StatusChange)
    assert then.trace_id == "1"


async def test_an_id_of_an_earlier_run_is_reported_as_a_gap() -> None:
    clock = FrozenClock()
    before = await MemoryLedger(now=clock).latest_change()
    clock.advance(timedelta(days=1))
    ledger = MemoryLedger(now=clock)
    ledger(recorded("new", Change.ENQUEUED))

    async with aclosing(ledger.changes(before)) as changes, asyncio.timeout(60):
        missed, then = await anext(changes), await anext(changes)

    assert missed == ChangesMissed()
    assert isinstance(then, StatusChange)
