"""A clock that stands still."""

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """Call it for the time, in UTC; it changes only by `advance`."""

    def __init__(self, at: datetime = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)) -> None:
        self._now = at

    def __call__(self) -> datetime:
        """Give the time."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Let `by` pass; give the new time."""
        self._now += by
        return self._now
