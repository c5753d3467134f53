"""When to try again, and when to stop."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

JITTER = 0.2  # of the delay, to either side: spreads what failed together
LONGEST_JITTER = timedelta(minutes=1)  # enough to spread what is to come again in hours
SHORTEST_RETRY_AFTER = timedelta(seconds=1)

DEFAULT_SCHEDULE: Final = "5s,30s,2m,10m,30m,2h,6h"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_schedule(text: str) -> tuple[timedelta, ...]:
    """Read durations such as `5s,30s,2m,6h`; a bare number is seconds.

    Raises:
        ValueError: it is no such list, or names a delay of zero.
    """
    delays = tuple(_duration(item.strip()) for item in text.split(","))
    if any(delay <= timedelta(0) for delay in delays):
        raise ValueError("each delay must be above zero")
    return delays


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be durations such as 5s,30s,2m,6h")
    return timedelta(**{_UNITS[match.group(2)]: float(match.group(1))})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to wait before attempt 2, 3, …; there is one attempt more than there are delays.

    `retry_after_max` is the longest that anyone may be asked to wait.

    It does not ask what time it is: a notification that expires meanwhile is ended by the queue, at
    that moment and by the broker's clock.
    """

    schedule: tuple[timedelta, ...] = parse_schedule(DEFAULT_SCHEDULE)
    retry_after_max: timedelta = timedelta(hours=1)

    def is_last(self, attempt: int) -> bool:
        """Tell whether no other attempt follows this one, the first being 1."""
        return attempt > len(self.schedule)

    def delay_after(
        self, attempt: int, *, chance: float, retry_after: timedelta | None = None
    ) -> timedelta | None:
        """Return how long to wait after a failed attempt, the first being 1; None after the last.

        A `retry_after` takes the schedule's place. `chance` is random, from 0 to 1.
        """
        if self.is_last(attempt):
            return None
        if retry_after is not None:
            return self.asked(retry_after, chance)
        return jittered(self.schedule[attempt - 1], chance)

    def asked(self, retry_after: timedelta, chance: float) -> timedelta:
        """Return how long to wait where it was asked for: never less, up to the maximum."""
        return later(self.bounded(retry_after), chance)

    def bounded(self, retry_after: timedelta) -> timedelta:
        """Return what was asked for, within reason: from a second to the maximum."""
        return min(max(retry_after, SHORTEST_RETRY_AFTER), self.retry_after_max)


def jittered(delay: timedelta, chance: float) -> timedelta:
    """Move the delay by up to `JITTER` to either side. `chance` is random, from 0 to 1."""
    return delay * (1 - JITTER + 2 * JITTER * chance)


def later(delay: timedelta, chance: float) -> timedelta:
    """Add up to `JITTER` to the delay, but take nothing off. `chance` is random, from 0 to 1."""
    return delay + min(JITTER * delay, LONGEST_JITTER) * chance


def growing(deferrals: int, chance: float, *, first: timedelta, cap: timedelta) -> timedelta:
    """Double the delay with each deferral, up to `cap`, and spread it."""
    doublings = min(deferrals, 30)  # beyond any cap, and short of timedelta's overflow
    return jittered(min(first * 2**doublings, cap), chance)
