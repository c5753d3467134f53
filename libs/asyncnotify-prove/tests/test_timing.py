import pytest
from asyncnotify_prove.fault_log import FaultLog
from asyncnotify_prove.outbox import Received
from asyncnotify_prove.promises import Promise
from asyncnotify_prove.readiness import ReadinessLog
from asyncnotify_prove.timelines import Step
from asyncnotify_prove.timing import PROMOTED, STOPPED, TAKEN_BACK, Setting, Timing

LEASE = 5.0


def promise(trace_id="t", **fields):
    return Promise(key=trace_id, trace_id=trace_id, expected=frozenset({"sent"}), **fields)


def readiness(troubled=()):
    """Two minutes, half a second apart; `troubled` are the moments in which not all was well."""
    taken = ReadinessLog()
    for number in range(241):
        is_bad = any(start < number / 2 <= end for start, end in troubled)
        taken.note(number / 2, is_ready=not is_bad, is_stuck=is_bad)
    return taken


def timing(steps=(), *, fault_log=None, troubled=(), received=(), in_hand=2, keeps_front=True):
    return Timing(
        setting=Setting(lease=LEASE, in_hand=in_hand, keeps_front=keeps_front),
        readiness=readiness(troubled),
        fault_log=fault_log or FaultLog(),
        steps=dict(steps),
        received=list(received),
    )


def lost_at(at):
    return {
        "t": [
            Step(at=20, status="sending"),
            Step(at=at, status="validated", reason="lease_lost", channel="sms"),
        ]
    }


def found(seen, *promises):
    return [what for _, what in seen.breaches(promises or [promise()])]


def test_what_a_dead_worker_held_is_taken_up_within_lease_and_two_seconds():
    seen = timing(lost_at(27), fault_log=FaultLog(deaths=[21]))

    assert found(seen) == []
    assert seen.measured[TAKEN_BACK] == [pytest.approx(1)]


def test_what_is_taken_up_later_is_a_breach():
    assert found(timing(lost_at(40), fault_log=FaultLog(deaths=[21]))) == [
        "was taken up again 14.0 s after its lease was over"
    ]


def test_seconds_in_which_the_system_was_not_well_do_not_count():
    seen = timing(lost_at(40), fault_log=FaultLog(deaths=[21]), troubled=[(27, 39)])

    assert found(seen) == []


@pytest.mark.parametrize(
    ("fault_log", "troubled"),
    [
        (FaultLog(frozen=[(22, 30)]), ()),
        (FaultLog(jumps=[(24, 26)]), ()),
        (FaultLog(), [(22, 25)]),
    ],
)
def test_a_worker_that_could_not_renew_may_lose_its_lease(fault_log, troubled):
    assert found(timing(lost_at(27), fault_log=fault_log, troubled=troubled)) == []


@pytest.mark.parametrize(
    "fault_log", [FaultLog(), FaultLog(stops=[(21, 23)]), FaultLog(deaths=[2, 50])]
)
def test_a_lease_that_was_lost_without_a_death_is_a_breach(fault_log):
    assert found(timing(lost_at(27), fault_log=fault_log)) == [
        "lost its lease 7.0 s after its last step, though no worker had died"
    ]


@pytest.mark.parametrize(("at", "is_late"), [(31, False), (36, True)])
def test_what_is_due_is_promoted_within_two_seconds(at, is_late):
    steps = {"t": [Step(at=10, status="scheduled"), Step(at=at, status="queued")]}
    seen = timing(steps)

    assert bool(found(seen, promise(due_at=30))) == is_late
    assert seen.measured[PROMOTED] == [pytest.approx(at - 30)]


@pytest.mark.parametrize(
    ("told_at", "then", "is_breach"),
    [(22, "validated", True), (22, "expired", False), (25.2, "validated", False)],
)
def test_what_expired_while_no_dispatcher_ran_is_not_worked_on(told_at, then, is_breach):
    steps = {"t": [Step(at=told_at, status="queued"), Step(at=26, status=then)]}
    seen = timing(steps, fault_log=FaultLog(standstills=[(20, 25)]))

    assert bool(found(seen, promise(expires_at=23))) == is_breach


def test_those_that_waited_do_not_go_before_one_that_lost_its_worker():
    waiting = {
        f"w-{number}": [
            Step(at=10, status="validated", channel="sms"),
            Step(at=30 + number, status="sending", channel="sms"),
        ]
        for number in range(9)
    }
    back = Step(at=27, status="validated", reason="lease_lost", channel="sms")
    first = {"t": [back, Step(at=31, status="sending")]}
    last = {"t": [back, Step(at=50, status="sending")]}
    promises = [promise(), *map(promise, waiting)]
    fault_log = FaultLog(deaths=[21])

    assert found(timing(waiting | first, fault_log=fault_log), *promises) == []
    assert found(timing(waiting | last, fault_log=fault_log), *promises) == [
        "lost its worker, and then 9 that waited went before it"
    ]
    assert found(timing(waiting | last, fault_log=fault_log, keeps_front=False), *promises) == []
    slow = FaultLog(deaths=[21], slow=[(45, 49)])
    assert found(timing(waiting | last, fault_log=slow), *promises) == []


def test_the_provider_is_asked_neither_early_nor_late():
    early = timing(received=[Received("t", 28.9, 29)])
    late = timing(received=[Received("t", 40, 40.1)])
    frozen = timing(received=[Received("t", 40, 40.1)], fault_log=FaultLog(frozen=[(29, 39)]))

    assert found(early, promise(due_at=30)) == ["reached the provider 1.0 s before it was due"]
    assert found(late, promise(expires_at=30)) == [
        "reached the provider 10.0 s after it had expired"
    ]
    assert found(frozen, promise(expires_at=30)) == []


def test_a_dispatcher_stops_in_time():
    seen = timing(fault_log=FaultLog(stops=[(10, 20), (30, 70)]))

    assert found(seen) == ["took 40.0 s to stop"]
    assert seen.measured[STOPPED] == [10, 40]


def test_half_sent_requests_do_not_lock_others_out_and_do_not_stay():
    seen = timing(fault_log=FaultLog(shut_out=[(10, 20)], held_open=[(10, 110)] * 3))

    assert found(seen) == [
        "accepted nothing for 10.0 s: half-sent requests blocked it",
        "put up with 3 half-sent requests for too long",
    ]
