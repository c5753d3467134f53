"""Times as Redis keeps them: milliseconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(period: timedelta) -> int:
    """Return a period in whole milliseconds."""
    return period // _MILLISECOND


def to_milliseconds(at: datetime) -> int:
    """Return an aware time in milliseconds."""
    return (at - _EPOCH) // _MILLISECOND


def from_milliseconds(at: int) -> datetime:
    """Return a time that was kept in milliseconds."""
    return _EPOCH + at * _MILLISECOND
