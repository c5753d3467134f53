"""The time of a broker, in a process that can't read its clock at any moment.

What a broker's clock showed is carried on by this process's monotonic clock, which is never set. So
this process's own time of day matters nowhere, and a jump of the broker's clock can be seen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from service_kit.epoch import from_ms, to_ms, utc_now

Monotonic = Callable[[], float]
"""Seconds that go on evenly, from any beginning."""

_SHORT_S: Final = 0.02
_GOOD_FOR: Final = timedelta(seconds=1)
_BEGAN: Final = datetime.now(UTC) - timedelta(seconds=time.monotonic())


def steady_now() -> datetime:
    """Return a time that goes on evenly while this process lives, even if the clock is set.

    For what has to end after a while; it is not the time of day.
    """
    return _BEGAN + timedelta(seconds=time.monotonic())


def steady_ms() -> int:
    """Return the same in milliseconds since 1970."""
    return to_ms(steady_now())


@dataclass(slots=True)
class _Sight:
    shown_ms: int
    at: float


class RemoteClock:
    """A clock that was read now and then, in milliseconds since 1970."""

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self.monotonic = monotonic
        self._sight: _Sight | None = None

    @property
    def is_known(self) -> bool:
        """Whether it was ever read."""
        return self._sight is not None

    @property
    def is_fresh(self) -> bool:
        """Whether it was read within the last second, so that a jump of it can't be old."""
        since = self.monotonic() - self._sight.at if self._sight else None
        return since is not None and since < _GOOD_FOR.total_seconds()

    def now(self) -> datetime:
        """Return the time that it shows; before it was read, this process's own."""
        shown_ms = self.expected_ms()
        return utc_now() if shown_ms is None else from_ms(shown_ms)

    def expected_ms(self) -> int | None:
        """Return what it would show now if it was not set; None if it was never read."""
        if self._sight is None:
            return None
        return self._sight.shown_ms + round((self.monotonic() - self._sight.at) * 1000)

    def observe(self, shown_ms: int, *, asked_at: float) -> None:
        """Remember what it showed to a question of the monotonic time `asked_at`.

        It showed that between the question and now. After a question that took long, or had to be
        put again, it counts as now: else what is scheduled would be taken for due early.
        """
        if self._sight is None or asked_at >= self._sight.at:
            now = self.monotonic()
            self._sight = _Sight(shown_ms, asked_at if now - asked_at < _SHORT_S else now)


class KnowsRemoteTime:
    """What a `ClaimStore` says of the time where its replies tell it: those note it in `_clock`."""

    def __init__(self) -> None:
        self._clock = RemoteClock()

    @property
    def is_time_known(self) -> bool:
        """See `ClaimStore.is_time_known`."""
        return self._clock.is_known

    @property
    def is_time_fresh(self) -> bool:
        """See `ClaimStore.is_time_fresh`."""
        return self._clock.is_fresh

    def now(self) -> datetime:
        """See `ClaimStore.now`."""
        return self._clock.now()
