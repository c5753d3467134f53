from collections.abc import Callable
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from notification_ledger.record import NotificationRecord, RecordQuery
from notification_publisher.application.dead_letters import (
    DeleteDeadLetter,
    ListDeadLetters,
    ReplayDeadLetter,
    ReplayDeadLetters,
    ShowDeadLetter,
)
from notification_publisher.application.ports import (
    DeadLetterGone,
    NotADeadLetter,
    PublishingUnavailable,
    UnknownDeadLetter,
)
from notification_publisher.infrastructure.memory import InMemoryInterventions, InMemoryRecords

MakeRecord = Callable[..., NotificationRecord]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"


@pytest.fixture
def records() -> InMemoryRecords:
    return InMemoryRecords()


@pytest.fixture
def interventions(records: InMemoryRecords) -> InMemoryInterventions:
    return InMemoryInterventions(records)


@pytest.fixture
def died(records: InMemoryRecords, make_record: MakeRecord) -> Callable[..., NotificationRecord]:
    def die(**fields: object) -> NotificationRecord:
        record = make_record(Status.FAILED, **fields)
        records.by_id[record.trace_id] = record
        return record

    return die


@pytest.fixture
def replay(records: InMemoryRecords, interventions: InMemoryInterventions) -> ReplayDeadLetter:
    return ReplayDeadLetter(records=records, interventions=interventions)


@pytest.fixture
def replay_all(records: InMemoryRecords, interventions: InMemoryInterventions) -> ReplayDeadLetters:
    return ReplayDeadLetters(records=records, interventions=interventions, per_second=50)


@pytest.fixture
def delete(records: InMemoryRecords, interventions: InMemoryInterventions) -> DeleteDeadLetter:
    return DeleteDeadLetter(records=records, interventions=interventions)


async def test_the_list_holds_what_was_given_up_and_nothing_else(
    records: InMemoryRecords, died: MakeRecord, make_record: MakeRecord
) -> None:
    dead, sent = died(), make_record(Status.SENT)
    records.by_id[sent.trace_id] = sent

    page = await ListDeadLetters(records=records)(RecordQuery())

    assert page.items == (dead,)


async def test_a_deleted_dead_letter_is_shown_no_more_but_stays_on_record(
    records: InMemoryRecords, died: MakeRecord, delete: DeleteDeadLetter
) -> None:
    trace_id = died().trace_id
    show = ShowDeadLetter(records=records)
    assert (await show(trace_id)).trace_id == trace_id

    await delete(trace_id)

    with pytest.raises(UnknownDeadLetter):
        await show(trace_id)
    assert records.by_id[trace_id].status is Status.FAILED


async def test_a_replayed_dead_letter_is_queued_at_once(
    died: MakeRecord, replay: ReplayDeadLetter, interventions: InMemoryInterventions
) -> None:
    trace_id = died().trace_id

    record, _ = await replay(trace_id)

    assert record.status is Status.QUEUED
    assert interventions.delays == {trace_id: timedelta(0)}


async def test_replaying_twice_is_replaying_once(
    died: MakeRecord, replay: ReplayDeadLetter
) -> None:
    trace_id = died().trace_id
    await replay(trace_id)

    with pytest.raises(NotADeadLetter, match="queued"):
        await replay(trace_id)


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense"])
async def test_unknown_and_malformed_trace_ids_name_no_dead_letter(
    replay: ReplayDeadLetter,
    delete: DeleteDeadLetter,
    records: InMemoryRecords,
    trace_id: str,
) -> None:
    for act in (replay, delete, ShowDeadLetter(records=records)):
        with pytest.raises(UnknownDeadLetter):
            await act(trace_id)


async def test_deleting_what_is_no_dead_letter_is_refused(
    records: InMemoryRecords, make_record: MakeRecord, delete: DeleteDeadLetter
) -> None:
    record = make_record(Status.QUEUED)
    records.by_id[record.trace_id] = record

    with pytest.raises(NotADeadLetter):
        await delete(record.trace_id)


async def test_a_replay_of_many_is_spaced_and_begins_with_the_oldest(
    died: MakeRecord, replay_all: ReplayDeadLetters, interventions: InMemoryInterventions
) -> None:
    oldest, middle, newest = (died().trace_id for _ in range(3))

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert (list(report.matched), report.replayed) == ([oldest, middle, newest], 3)
    assert interventions.delays == {
        oldest: timedelta(0),
        middle: timedelta(milliseconds=20),
        newest: timedelta(milliseconds=40),
    }


async def test_one_that_is_gone_keeps_no_other_from_being_replayed(
    died: MakeRecord, replay_all: ReplayDeadLetters, interventions: InMemoryInterventions
) -> None:
    ids = [died().trace_id for _ in range(121)]
    interventions.gone = {TraceId(ids[60])}

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert (len(report.matched), report.replayed, list(report.gone)) == (121, 120, [ids[60]])


async def test_replaying_one_that_is_gone_says_so(
    died: MakeRecord, replay: ReplayDeadLetter, interventions: InMemoryInterventions
) -> None:
    trace_id = died().trace_id
    interventions.gone = {TraceId(trace_id)}

    with pytest.raises(DeadLetterGone, match="taken away"):
        await replay(trace_id)


async def test_a_dry_run_counts_and_changes_nothing(
    died: MakeRecord, replay_all: ReplayDeadLetters, interventions: InMemoryInterventions
) -> None:
    trace_id = died().trace_id

    report = await replay_all(RecordQuery(), limit=None, dry_run=True)

    assert (list(report.matched), report.replayed) == ([trace_id], 0)
    assert interventions.delays == {}


async def test_a_replay_of_many_takes_those_that_the_filter_names(
    died: MakeRecord, replay_all: ReplayDeadLetters
) -> None:
    wanted = died(reason="provider_unavailable")
    died(reason="poison")

    report = await replay_all(RecordQuery(reason="provider_unavailable"), limit=None, dry_run=False)

    assert list(report.matched) == [wanted.trace_id]


async def test_a_limited_replay_takes_the_newest(
    died: MakeRecord, replay_all: ReplayDeadLetters
) -> None:
    _, middle, newest = (died().trace_id for _ in range(3))

    report = await replay_all(RecordQuery(), limit=2, dry_run=False)

    assert list(report.matched) == [middle, newest]


async def test_a_replay_of_many_goes_through_all_pages(
    died: MakeRecord, replay_all: ReplayDeadLetters
) -> None:
    dead = [died().trace_id for _ in range(450)]

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert (list(report.matched), report.replayed) == (dead, 450)


async def test_an_interrupted_replay_goes_on_when_it_is_called_again(
    died: MakeRecord, replay_all: ReplayDeadLetters, interventions: InMemoryInterventions
) -> None:
    first, second = died().trace_id, died().trace_id
    interventions.is_down = True
    with pytest.raises(PublishingUnavailable):
        await replay_all(RecordQuery(), limit=None, dry_run=False)
    interventions.is_down = False
    await interventions.replay(TraceId(first), timedelta(0))

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert list(report.matched) == [second]
