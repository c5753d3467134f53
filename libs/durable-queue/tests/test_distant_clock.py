from durable_queue.clock import RemoteClock


class Seconds:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


def test_what_was_shown_goes_on_with_the_monotonic_clock() -> None:
    seconds = Seconds()
    clock = RemoteClock(seconds)
    clock.observe(1_000, asked_at=0.0)

    seconds.passed = 2.5

    assert clock.expected_ms() == 3_500


def test_an_answer_that_took_long_never_puts_the_clock_ahead() -> None:
    seconds = Seconds()
    clock = RemoteClock(seconds)
    # The first reply was lost; the clock was read for the second one, at 1.4 s.
    seconds.passed = 1.5

    clock.observe(1_400, asked_at=0.0)

    expected = clock.expected_ms()
    assert expected is not None
    assert 1_400 <= expected <= 1_500


def test_an_answer_to_an_older_question_changes_nothing() -> None:
    seconds = Seconds()
    clock = RemoteClock(seconds)
    seconds.passed = 1.0
    clock.observe(1_000, asked_at=1.0)

    clock.observe(9_000, asked_at=0.5)

    assert clock.expected_ms() == 1_000
