from datetime import UTC, datetime, timedelta

from testkit.clock import FrozenClock


def test_time_passes_only_when_it_is_told_to():
    clock = FrozenClock(datetime(2027, 1, 1, tzinfo=UTC))

    assert clock() == clock() == datetime(2027, 1, 1, tzinfo=UTC)
    assert clock.advance(timedelta(hours=1)) == clock() == datetime(2027, 1, 1, 1, tzinfo=UTC)
