"""A clock that stands still."""

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """Call it for the time of day, in UTC; it changes only by `advance` and `jump`."""

    def __init__(self, at: datetime = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)) -> None:
        self._now = self._steady = at

    def __call__(self) -> datetime:
        """Give the time."""
        return self._now

    def steady(self) -> datetime:
        """Give a time that `jump` does not change."""
        return self._steady

    def advance(self, by: timedelta) -> datetime:
        """Let `by` pass; give the new time."""
        self._steady += by
        return self.jump(by)

    def jump(self, by: timedelta) -> datetime:
        """Set the time of day, while no time passes; give the new one."""
        self._now += by
        return self._now
