from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_dispatcher.domain.retries import (
    DEFAULT_SCHEDULE,
    RetryPolicy,
    growing,
    jittered,
    parse_schedule,
)

SCHEDULE = parse_schedule(DEFAULT_SCHEDULE)
MIDDLE = 0.5  # the chance that leaves a delay as it is

chances = st.floats(0, 1)
attempts = st.integers(1, 7)
delays = st.timedeltas(timedelta(seconds=1), timedelta(hours=6))


@pytest.mark.parametrize(("attempt", "base"), list(enumerate(SCHEDULE, 1)))
def test_each_attempt_waits_as_the_schedule_says(attempt, base):
    delay = RetryPolicy().delay_after(attempt, chance=MIDDLE)

    assert delay == base


def test_the_last_attempt_is_the_last():
    assert RetryPolicy().delay_after(8, chance=MIDDLE) is None


def test_the_schedule_has_room_for_one_attempt_more_than_it_has_delays():
    policy = RetryPolicy(schedule=(timedelta(seconds=1), timedelta(seconds=2)))

    second = policy.delay_after(2, chance=MIDDLE)
    third = policy.delay_after(3, chance=MIDDLE)

    assert (second, third) == (timedelta(seconds=2), None)


@given(attempt=attempts, chance=chances)
def test_a_delay_is_never_further_than_a_fifth_from_the_schedule(attempt, chance):
    delay = RetryPolicy().delay_after(attempt, chance=chance)

    assert delay is not None
    base = SCHEDULE[attempt - 1]
    assert 0.8 * base <= delay <= 1.2 * base


@given(
    attempt=attempts,
    chance=chances,
    retry_after=st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
)
def test_what_was_asked_for_is_kept_with_a_little_more_and_never_less(attempt, chance, retry_after):
    delay = RetryPolicy().delay_after(attempt, chance=chance, retry_after=retry_after)

    assert delay is not None
    assert retry_after <= delay <= 1.2 * retry_after


@given(retry_after=st.timedeltas(timedelta(hours=1)), chance=chances)
def test_no_retry_is_put_off_beyond_the_maximum_and_its_jitter(retry_after, chance):
    delay = RetryPolicy().asked(retry_after, chance)

    assert timedelta(hours=1) <= delay <= timedelta(hours=1, minutes=1)


def test_the_maximum_is_a_setting():
    policy = RetryPolicy(retry_after_max=timedelta(seconds=90))

    assert policy.bounded(timedelta(days=1)) == timedelta(seconds=90)


def test_who_asks_for_no_time_at_all_gets_a_second():
    assert RetryPolicy().bounded(timedelta(0)) == timedelta(seconds=1)


def test_two_that_were_asked_to_wait_come_back_at_different_times():
    policy, minute = RetryPolicy(), timedelta(minutes=1)

    assert policy.asked(minute, 0.1) != policy.asked(minute, 0.9)


@given(delay=delays, chance=chances)
def test_jitter_spreads_to_both_sides_and_keeps_the_middle(delay, chance):
    assert jittered(delay, MIDDLE) == delay
    assert abs(jittered(delay, chance) - delay) <= 0.2 * delay + timedelta(microseconds=1)


@given(deferrals=st.integers(0, 10_000), chance=chances)
def test_a_growing_delay_stays_below_its_cap_and_never_overflows(deferrals, chance):
    delay = growing(deferrals, chance, first=timedelta(seconds=2), cap=timedelta(seconds=60))

    assert timedelta(seconds=1.6) <= delay <= timedelta(seconds=72)


def test_a_growing_delay_doubles():
    delays = [
        growing(count, MIDDLE, first=timedelta(seconds=2), cap=timedelta(seconds=60))
        for count in range(7)
    ]

    assert [delay.total_seconds() for delay in delays] == [2, 4, 8, 16, 32, 60, 60]
