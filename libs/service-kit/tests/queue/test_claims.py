"""What becomes of a message whose workers die one after the other, each at the worst moment."""

import pytest
from service_kit.queue.claims.book import ClaimBook

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
def book(clock: Clock) -> ClaimBook:
    return ClaimBook(now=clock)


def test_a_held_message_stays_held_when_whoever_found_it_dies_too(book, clock):
    book.apply("begin", "m", 0, "first", LEASE, MOST)
    book.apply("start", "m", "first", 0, LEASE, 1)
    clock.now += LEASE
    assert book.apply("begin", "m", 0, "second", LEASE, MOST) == ("ambiguous",)
    clock.now += LEASE

    assert book.apply("begin", "m", 0, "third", LEASE, MOST) == ("ambiguous",)


def test_poison_stays_poison_when_whoever_found_it_dies_too(book, clock):
    for worker in range(MOST):
        book.apply("begin", "m", 0, f"t{worker}", LEASE, MOST)
        clock.now += LEASE
    assert book.apply("begin", "m", 0, "finder", LEASE, MOST) == ("poison", MOST)
    clock.now += LEASE

    assert book.apply("begin", "m", 0, "other", LEASE, MOST) == ("poison", MOST)


@pytest.mark.parametrize("verdict", ["dead", "exhausted"])
def test_what_was_given_up_is_buried_and_not_tried_again(book, clock, verdict):
    book.apply("begin", "m", 0, "first", LEASE, MOST)
    book.apply("decide", "m", "first", 0, verdict, LEASE, MOST, "why")
    assert book.apply("begin", "m", 0, "second", LEASE, MOST) == ("busy", LEASE)
    assert book.apply("cancel", "m") == ("refused",)
    clock.now += LEASE

    assert book.apply("begin", "m", 0, "second", LEASE, MOST) == ("bury", "why")


def test_what_was_to_be_retried_is_tried_again(book, clock):
    book.apply("begin", "m", 0, "first", LEASE, MOST)
    book.apply("decide", "m", "first", 0, "retry", LEASE, MOST, "")
    clock.now += LEASE

    assert book.apply("begin", "m", 0, "second", LEASE, MOST) == ("go", 2, "leased")


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ([], "adopted"),
        ([("begin", "m", 1, "t", LEASE, MOST)], "busy"),
        ([("begin", "m", 1, "t", 0, MOST)], "adopted"),
        ([("begin", "m", 2, "t", LEASE, MOST)], "stale"),
        ([("reserve", "m", "t", 0, "", "", "", 0), ("cancel", "m")], "stale"),
        ([("begin", "m", 1, "t", LEASE, MOST), ("settled", "m", "t", 1, "ended", 0)], "busy"),
        ([("audit", "m", 1)], "kept"),
        ([("audit", "m", 1), ("move", "m", "t", LEASE)], "kept"),
        (
            [
                ("begin", "m", 0, "t", LEASE, MOST),
                ("decide", "m", "t", 0, "dead", 0, MOST, "why"),
            ],
            "kept",
        ),
    ],
)
def test_a_dead_letter_counts_unless_its_message_has_moved_on(book, before, found):
    for operation in before:
        book.apply(*operation)

    assert book.apply("audit", "m", 1) == (found,)
