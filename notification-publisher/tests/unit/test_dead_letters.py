from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.errors import QueueUnavailable
from durable_queue.memory import InMemoryQueue
from durable_queue.port import ControlOutcome
from notification_contracts.states import Status
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import RecordQuery
from notification_publisher.application.dead_letters import (
    DeleteDeadLetter,
    ReplayDeadLetter,
    ReplayDeadLetters,
    ShowDeadLetter,
)
from notification_publisher.application.ports import (
    DeadLetterGone,
    NotADeadLetter,
    UnknownDeadLetter,
)
from testkit.clock import FrozenClock
from testkit.ledger.harness import LedgerHarness

Reach = Callable[[Status], Awaitable[str]]

UNKNOWN = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"
MANY = 450


class TamperedQueue(InMemoryQueue):
    """A queue of which somebody took the messages that are `gone`; it can't bring them back."""

    gone: frozenset[str] = frozenset()

    async def replay(self, message_id: str, delay: timedelta = timedelta(0)) -> ControlOutcome:
        if message_id in self.gone:
            return ControlOutcome.GONE
        return await super().replay(message_id, delay)


@pytest.fixture
def queue(clock: FrozenClock, ledger: MemoryLedger) -> TamperedQueue:
    return TamperedQueue(recorder=ledger, now=clock, steady=clock.steady)


@pytest.fixture
def replay(ledger: MemoryLedger, queue: TamperedQueue) -> ReplayDeadLetter:
    return ReplayDeadLetter(ledger=ledger, control=queue)


@pytest.fixture
def replay_all(ledger: MemoryLedger, queue: TamperedQueue) -> ReplayDeadLetters:
    return ReplayDeadLetters(ledger=ledger, control=queue, per_second=50)


@pytest.fixture
def delete(ledger: MemoryLedger, queue: TamperedQueue) -> DeleteDeadLetter:
    return DeleteDeadLetter(ledger=ledger, control=queue)


async def test_a_deleted_dead_letter_is_shown_no_more_but_stays_on_record(
    ledger: MemoryLedger, reach: Reach, delete: DeleteDeadLetter, harness: LedgerHarness
) -> None:
    trace_id = await reach(Status.FAILED)
    show = ShowDeadLetter(ledger=ledger)
    assert (await show(trace_id)).trace_id == trace_id

    await delete(trace_id)

    with pytest.raises(UnknownDeadLetter):
        await show(trace_id)
    assert (await harness.record(trace_id)).status is Status.FAILED


async def test_a_replayed_dead_letter_is_queued_at_once(
    reach: Reach, replay: ReplayDeadLetter
) -> None:
    record, _ = await replay(await reach(Status.FAILED))

    assert (record.status, record.next_attempt_at) == (Status.QUEUED, None)


async def test_replaying_twice_is_replaying_once(reach: Reach, replay: ReplayDeadLetter) -> None:
    trace_id = await reach(Status.FAILED)
    await replay(trace_id)

    with pytest.raises(NotADeadLetter, match="queued"):
        await replay(trace_id)


@pytest.mark.parametrize("trace_id", [UNKNOWN, "nonsense"])
async def test_unknown_and_malformed_trace_ids_name_no_dead_letter(
    replay: ReplayDeadLetter, delete: DeleteDeadLetter, ledger: MemoryLedger, trace_id: str
) -> None:
    for act in (replay, delete, ShowDeadLetter(ledger=ledger)):
        with pytest.raises(UnknownDeadLetter):
            await act(trace_id)


async def test_deleting_what_is_no_dead_letter_is_refused(
    reach: Reach, delete: DeleteDeadLetter
) -> None:
    with pytest.raises(NotADeadLetter):
        await delete(await reach(Status.QUEUED))


async def test_a_replay_of_many_is_spaced_and_begins_with_the_oldest(
    reach: Reach, replay_all: ReplayDeadLetters, harness: LedgerHarness
) -> None:
    oldest, middle, newest = [await reach(Status.FAILED) for _ in range(3)]

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    due = [(await harness.record(each)).next_attempt_at for each in (oldest, middle, newest)]
    assert (list(report.matched), report.replayed) == ([oldest, middle, newest], 3)
    assert due == [
        None,
        harness.now() + timedelta(milliseconds=20),
        harness.now() + timedelta(milliseconds=40),
    ]


async def test_one_that_is_gone_keeps_no_other_from_being_replayed(
    reach: Reach, replay_all: ReplayDeadLetters, queue: TamperedQueue
) -> None:
    ids = [await reach(Status.FAILED) for _ in range(121)]
    queue.gone = frozenset({ids[60]})

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert (len(report.matched), report.replayed, list(report.gone)) == (121, 120, [ids[60]])


async def test_replaying_one_that_is_gone_says_so(
    reach: Reach, replay: ReplayDeadLetter, queue: TamperedQueue
) -> None:
    trace_id = await reach(Status.FAILED)
    queue.gone = frozenset({trace_id})

    with pytest.raises(DeadLetterGone, match="not among the broker's dead letters"):
        await replay(trace_id)


async def test_a_dry_run_counts_and_changes_nothing(
    reach: Reach, replay_all: ReplayDeadLetters, harness: LedgerHarness
) -> None:
    trace_id = await reach(Status.FAILED)
    before = await harness.record(trace_id)

    report = await replay_all(RecordQuery(), limit=None, dry_run=True)

    assert (list(report.matched), report.replayed) == ([trace_id], 0)
    assert await harness.record(trace_id) == before


async def test_a_replay_of_many_takes_those_that_the_filter_names(
    harness: LedgerHarness, replay_all: ReplayDeadLetters
) -> None:
    wanted = await harness.fail("provider_unavailable")
    await harness.fail("poison")

    report = await replay_all(RecordQuery(reason="provider_unavailable"), limit=None, dry_run=False)

    assert list(report.matched) == [wanted]


async def test_a_limited_replay_takes_the_newest(
    reach: Reach, replay_all: ReplayDeadLetters
) -> None:
    _, middle, newest = [await reach(Status.FAILED) for _ in range(3)]

    report = await replay_all(RecordQuery(), limit=2, dry_run=False)

    assert list(report.matched) == [middle, newest]


async def test_a_replay_of_many_goes_through_all_pages(
    reach: Reach, replay_all: ReplayDeadLetters
) -> None:
    dead = [await reach(Status.FAILED) for _ in range(MANY)]

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert (list(report.matched), report.replayed) == (dead, MANY)


async def test_an_interrupted_replay_goes_on_when_it_is_called_again(
    reach: Reach, replay_all: ReplayDeadLetters, queue: TamperedQueue
) -> None:
    first, second = [await reach(Status.FAILED) for _ in range(2)]
    queue.is_down = True
    with pytest.raises(QueueUnavailable):
        await replay_all(RecordQuery(), limit=None, dry_run=False)
    queue.is_down = False
    await queue.replay(first)

    report = await replay_all(RecordQuery(), limit=None, dry_run=False)

    assert list(report.matched) == [second]
