"""The time of day, and times as whole milliseconds since 1970, as brokers and stores keep them."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """Return this process's time of day."""
    return datetime.now(UTC)


def to_ms(at: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the time that is so many milliseconds after 1970."""
    return _EPOCH + milliseconds * _MILLISECOND


def whole_ms(period: timedelta) -> int:
    """Return how many whole milliseconds a period has."""
    return period // _MILLISECOND
