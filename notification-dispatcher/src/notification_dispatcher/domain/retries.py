"""When to try again, and when to stop."""

from dataclasses import dataclass
from datetime import datetime, timedelta

JITTER = 0.2  # of the delay, to either side: spreads what failed together
EXPIRY_MARGIN = timedelta(seconds=1)

DEFAULT_SCHEDULE = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Make the next attempt after `delay`."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class TooLate:
    """The next attempt would come after the notification expires, which it does in `delay`."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class Exhausted:
    """That was the last attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Where a notification stands: attempt `number` of `limit` has just failed, or is to come."""

    number: int
    limit: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to wait before attempt 2, 3, …; no more attempts than the schedule has room for."""

    schedule: tuple[timedelta, ...] = DEFAULT_SCHEDULE

    def after(
        self, tries: Tries, *, now: datetime, chance: float, retry_after: timedelta | None = None
    ) -> TryAgain | TooLate | Exhausted:
        """Decide what follows a failed attempt. `chance` is random, from 0 to 1.

        A provider's `retry_after` wins over the schedule, within the delay and its double, so that
        no provider can park a notification for a day.
        """
        if tries.number >= tries.limit or tries.number > len(self.schedule):
            return Exhausted()
        base = self.schedule[tries.number - 1]
        delay = jittered(base, chance) if retry_after is None else _clamped(retry_after, base)
        if tries.expires_at is None or now + delay < tries.expires_at:
            return TryAgain(delay)
        remaining = max(tries.expires_at - now, timedelta(0))
        return TooLate(remaining + EXPIRY_MARGIN)


def _clamped(retry_after: timedelta, base: timedelta) -> timedelta:
    return min(max(retry_after, base), 2 * base)


def jittered(delay: timedelta, chance: float) -> timedelta:
    """Move the delay by up to `JITTER` to either side. `chance` is random, from 0 to 1."""
    return delay * (1 - JITTER + 2 * JITTER * chance)


def growing(deferrals: int, chance: float, *, first: timedelta, cap: timedelta) -> timedelta:
    """Double the delay with each deferral, up to `cap`, and spread it."""
    doublings = min(deferrals, 30)  # beyond any cap, and short of timedelta's overflow
    return jittered(min(first * 2**doublings, cap), chance)
