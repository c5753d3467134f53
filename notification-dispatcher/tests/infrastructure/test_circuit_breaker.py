from datetime import timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.infrastructure.circuit_breaker import BreakerState, CircuitBreaker

PAUSE = timedelta(seconds=30)


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def breaker(clock, changes):
    return CircuitBreaker(failures=3, pause=PAUSE, on_change=changes.append, monotonic=clock)


def fail(breaker, times=1):
    for _ in range(times):
        breaker.settle(breaker.acquire(), is_healthy=False)


def test_it_stays_closed_while_failures_are_not_in_a_row(breaker):
    for _ in range(5):
        fail(breaker, 2)
        breaker.settle(breaker.acquire(), is_healthy=True)

    assert breaker.state is BreakerState.CLOSED


def test_what_tells_nothing_neither_counts_nor_ends_a_row(breaker):
    fail(breaker, 2)
    breaker.settle(breaker.acquire(), is_healthy=None)
    fail(breaker)

    assert breaker.state is BreakerState.OPEN


def test_it_opens_after_failures_in_a_row_and_lets_nothing_through(breaker, changes):
    fail(breaker, 3)

    assert breaker.acquire() is None
    assert not breaker.is_available
    assert changes == [BreakerState.OPEN]


def test_it_says_how_long_it_stays_open(breaker, clock):
    fail(breaker, 3)
    clock.now += 10

    assert breaker.reopens_in == timedelta(seconds=20)


def test_after_its_pause_it_lets_one_probe_through_at_a_time(breaker, clock):
    fail(breaker, 3)
    clock.now += 30

    assert breaker.acquire() is not None
    assert breaker.acquire() is None
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_probe_that_succeeds_closes_it(breaker, clock, changes):
    fail(breaker, 3)
    clock.now += 30
    breaker.settle(breaker.acquire(), is_healthy=True)

    assert breaker.acquire() is not None
    assert changes == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_a_probe_that_fails_opens_it_for_another_pause(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    fail(breaker)

    assert breaker.reopens_in == PAUSE


def test_a_probe_that_was_never_answered_makes_room_for_another(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    breaker.settle(breaker.acquire(), is_healthy=None)

    assert breaker.acquire() is not None


def test_a_late_answer_from_before_it_opened_does_not_close_it(breaker, clock):
    late = breaker.acquire()
    fail(breaker, 3)
    clock.now += 30
    breaker.settle(late, is_healthy=True)

    assert breaker.state is BreakerState.HALF_OPEN


def test_a_late_answer_does_not_take_the_probes_place(breaker, clock):
    late = breaker.acquire()
    fail(breaker, 3)
    clock.now += 30
    breaker.acquire()
    breaker.settle(late, is_healthy=None)

    assert breaker.acquire() is None


def test_a_call_may_open_it_at_once_and_its_reason_stays_until_it_is_closed(breaker, clock):
    breaker.settle(breaker.acquire(), is_healthy=False, opens_for=Reason.PROVIDER_AUTH)
    assert (breaker.state, breaker.reason) == (BreakerState.OPEN, Reason.PROVIDER_AUTH)

    clock.now += 30
    assert (breaker.state, breaker.reason) == (BreakerState.HALF_OPEN, Reason.PROVIDER_AUTH)

    breaker.settle(breaker.acquire(), is_healthy=True)
    assert (breaker.state, breaker.reason) == (BreakerState.CLOSED, None)
