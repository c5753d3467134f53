"""Times in a database: always in UTC."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import DateTime

UTC_TIME: Final = DateTime(timezone=True)
"""A column of times. SQLite keeps no offset: write UTC, and give what is read to `in_utc`."""


def in_utc(time: datetime) -> datetime:
    """Return a time of the database, which is in UTC, as one that says so."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
