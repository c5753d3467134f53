"""Times and durations as people say them."""

from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def in_words(span: timedelta) -> str:
    """Return how long it is, in its largest unit, rounded down: `3 minutes`."""
    seconds = int(span.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a second"


def at_time(at: datetime, now: datetime) -> str:
    """Return the time of day, with the date unless it is today: `09:00:00 UTC`."""
    is_today = at.date() == now.date()
    return f"{at:%H:%M:%S} UTC" if is_today else f"{at:%d %b %Y, %H:%M:%S} UTC"


def until(at: datetime, now: datetime) -> str:
    """Return how soon it is, and when: `in 3 minutes (09:00:00 UTC)`."""
    return "at any moment" if at <= now else f"in {in_words(at - now)} ({at_time(at, now)})"


def since(at: datetime, now: datetime) -> str:
    """Return how long ago it was, and when: `3 minutes ago (09:00:00 UTC)`."""
    return f"{in_words(max(now - at, timedelta(0)))} ago ({at_time(at, now)})"
