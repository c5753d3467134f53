from datetime import timedelta

import phonenumbers
import pytest
from email_validator import validate_email
from notification_contracts.states import Reason
from notification_providers.fake.simulator import (
    PHONES,
    script_of,
    simulate,
)
from notification_providers.port import (
    Accepted,
    FaultSide,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

SCRIPTS = (
    "ok",
    "fail-permanent",
    "fail-2-then-ok",
    "slow-10s",
    "429-after-5s",
    "timeout-after-accept",
    "hang",
    "crash",
    "gone",
)


def simulated(script, attempt=1):
    return simulate(script, attempt, FaultSide.RECIPIENT)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_can_be_asked_for_on_every_channel(script):
    phones = {name: number for number, name in PHONES.items()}

    assert script_of(f"{script}@sim.example") == script
    assert script_of(f"sim-{script}") == script
    assert script_of(phones[script]) == script
    assert simulated(script) is not None


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_e_mail_addresses_are_valid_ones(script):
    validate_email(f"{script}+anna@sim.example", check_deliverability=False)


@pytest.mark.parametrize("number", PHONES)
def test_the_phone_numbers_are_valid_ones(number):
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))


def test_a_tag_makes_addresses_distinct():
    assert script_of("fail-2-then-ok+anna@sim.example") == "fail-2-then-ok"
    assert script_of("sim-hang+anna") == "hang"


@pytest.mark.parametrize("address", ["ada@example.com", "+12025550101", "token-ada", "ok@sim.org"])
def test_an_ordinary_address_asks_for_nothing(address):
    assert script_of(address) is None


def test_an_unknown_script_is_none():
    assert simulated("dance") is None
    assert simulated("fail-x-then-ok") is None


def test_ok_is_accepted():
    assert simulated("ok").is_accepted
    assert isinstance(simulated("ok").answer, Accepted)


def test_a_permanent_failure_fails_on_every_attempt():
    for attempt in (1, 2, 8):
        answer = simulated("fail-permanent", attempt).answer
        assert isinstance(answer, PermanentFailure)
        assert answer.reason is Reason.PROVIDER_REJECTED


def test_a_failure_passes_after_as_many_attempts_as_its_name_says():
    calls = [simulated("fail-3-then-ok", attempt) for attempt in (1, 2, 3, 4)]

    assert [each.is_accepted for each in calls] == [False, False, False, True]
    assert isinstance(calls[0].answer, TransientFailure)


def test_a_slow_one_is_accepted_just_before_its_time():
    slow = simulated("slow-10s")

    assert slow.is_accepted
    assert timedelta(seconds=9) < slow.wait < timedelta(seconds=10)


def test_a_slow_one_of_milliseconds_is_accepted_after_exactly_those():
    slow = simulated("slow-200ms")

    assert slow.is_accepted
    assert slow.wait == timedelta(milliseconds=200)


def test_a_throttled_one_is_accepted_after_it_has_waited():
    first, second = simulated("429-after-5s", 1), simulated("429-after-5s", 2)

    assert isinstance(first.answer, TransientFailure)
    assert first.answer.reason is Reason.RATE_LIMITED
    assert first.answer.retry_after == timedelta(seconds=5)
    assert second.is_accepted


def test_a_lost_answer_leaves_an_accepted_message_and_an_uncertain_outcome():
    first, second = simulated("timeout-after-accept", 1), simulated("timeout-after-accept", 2)

    assert first.is_accepted
    assert isinstance(first.answer, UncertainFailure)
    assert isinstance(second.answer, Accepted)


def test_one_that_hangs_is_never_answered():
    assert simulated("hang").wait is None


def test_whose_fault_it_is_is_for_the_caller_to_say():
    answer = simulate("fail-permanent", 1, FaultSide.PROVIDER).answer

    assert isinstance(answer, PermanentFailure)
    assert answer.fault is FaultSide.PROVIDER


def test_only_one_that_crashes_is_fatal():
    assert simulated("crash").is_fatal
    assert not any(simulated(script).is_fatal for script in SCRIPTS if script != "crash")
