"""What becomes of a message whose workers die one after the other, each at the worst moment."""

import pytest
from durable_queue.claims.state_machine import ClaimStateMachine

LEASE, MOST = 1000, 3


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine(clock: Clock) -> ClaimStateMachine:
    return ClaimStateMachine(now=clock)


def test_a_held_message_stays_held_when_the_next_worker_dies_too(machine, clock):
    machine.apply("begin", "m", 0, "first", LEASE, MOST, 0)
    machine.apply("start", "m", "first", 0, LEASE, 1)
    clock.now += LEASE
    assert machine.apply("begin", "m", 0, "second", LEASE, MOST, 0) == ("ambiguous",)
    clock.now += LEASE

    assert machine.apply("begin", "m", 0, "third", LEASE, MOST, 0) == ("ambiguous",)


def test_poison_stays_poison_when_the_next_worker_dies_too(machine, clock):
    for worker in range(MOST):
        machine.apply("begin", "m", 0, f"t{worker}", LEASE, MOST, 0)
        clock.now += LEASE
    assert machine.apply("begin", "m", 0, "finder", LEASE, MOST, 0) == ("poison", MOST, 0)
    clock.now += LEASE

    assert machine.apply("begin", "m", 0, "other", LEASE, MOST, 0) == ("poison", MOST, 0)


def test_why_it_was_given_up_is_said_once(machine, clock):
    for worker in range(MOST):
        machine.apply("begin", "m", 0, f"t{worker}", LEASE, MOST, 0)
        clock.now += LEASE
    machine.apply("begin", "m", 0, "finder", LEASE, MOST, 0)
    assert machine.apply("explain", "m", "other", "why") == ("lost",)
    assert machine.apply("explain", "m", "finder", "why") == ("ok",)
    assert machine.apply("explain", "m", "finder", "why") == ("lost",)
    clock.now += LEASE

    assert machine.apply("begin", "m", 0, "next", LEASE, MOST, 0) == ("bury", "why", 0)


@pytest.mark.parametrize("verdict", ["dead", "exhausted"])
def test_what_was_given_up_is_dead_lettered_and_not_tried_again(machine, clock, verdict):
    machine.apply("begin", "m", 0, "first", LEASE, MOST, 0)
    machine.apply("decide", "m", "first", 0, verdict, LEASE, MOST, "why", 0)
    assert machine.apply("begin", "m", 0, "second", LEASE, MOST, 0) == ("busy", LEASE)
    assert machine.apply("cancel", "m") == ("refused",)
    clock.now += LEASE

    assert machine.apply("begin", "m", 0, "second", LEASE, MOST, 0) == ("bury", "why", 0)


def test_what_was_to_be_retried_is_tried_again(machine, clock):
    machine.apply("begin", "m", 0, "first", LEASE, MOST, 0)
    machine.apply("decide", "m", "first", 0, "retry", LEASE, MOST, "", 0)
    clock.now += LEASE

    assert machine.apply("begin", "m", 0, "second", LEASE, MOST, 0) == ("go", 2, "leased", 0)


@pytest.mark.parametrize(
    "operation", [("begin", "m", 1, "t", LEASE, MOST, 0), ("audit", "m", 1, 0)]
)
@pytest.mark.parametrize("verdict", ["ack", "expire"])
def test_what_ended_has_no_later_copy_that_counts(machine, clock, verdict, operation):
    machine.apply("begin", "m", 0, "first", LEASE, MOST, 0)
    machine.apply("decide", "m", "first", 0, "retry", LEASE, MOST, "", 0)  # and puts the next copy
    clock.now += LEASE
    machine.apply("begin", "m", 0, "second", LEASE, MOST, 0)
    machine.apply("finish", "m", "second", 0, verdict)

    assert machine.apply(*operation) == ("stale",)


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ([], "adopted"),
        ([("begin", "m", 1, "t", LEASE, MOST, 0)], "busy"),
        ([("begin", "m", 1, "t", 0, MOST, 0)], "adopted"),
        ([("begin", "m", 2, "t", LEASE, MOST, 0)], "stale"),
        ([("reserve", "m", "t", 0, "", "", "", 0), ("cancel", "m")], "stale"),
        ([("begin", "m", 1, "t", LEASE, MOST, 0), ("settled", "m", "t", 1, "ended", 0)], "busy"),
        ([("audit", "m", 1, 0)], "kept"),
        ([("audit", "m", 1, 0), ("move", "m", "t", LEASE)], "kept"),
        (
            [
                ("begin", "m", 0, "t", LEASE, MOST, 0),
                ("decide", "m", "t", 0, "dead", 0, MOST, "why", 0),
            ],
            "kept",
        ),
    ],
)
def test_a_dead_letter_counts_unless_its_message_has_moved_on(machine, before, found):
    for operation in before:
        machine.apply(*operation)

    assert machine.apply("audit", "m", 1, 0) == (found,)
