"""Cursors of lists: opaque to callers, checked when they come back."""

import re
from dataclasses import fields

from service_kit.cursors import ForeignCursor, seal, unseal

from notification_ledger.reading import InvalidCursor, RecordQuery

Position = tuple[int, str]
"""Where a record stands in a list: created, milliseconds since 1970, and its id."""

_NOT_A_FILTER = frozenset({"limit", "cursor"})
_POSITION = re.compile(r"(\d{1,15}):([\x21-\x7e]{1,128})", re.ASCII)


def encode_cursor(query: RecordQuery, position: Position) -> str:
    """Return the cursor of the page of `query` that follows the record at `position`."""
    return seal(_listing(query), f"{position[0]}:{position[1]}")


def decode_cursor(query: RecordQuery, cursor: str) -> Position:
    """Return the position that `encode_cursor` was given, for the same filters.

    Raises:
        InvalidCursor: it was not made by `encode_cursor`, or for another list.
    """
    try:
        found = _POSITION.fullmatch(unseal(_listing(query), cursor))
    except ForeignCursor as error:
        raise InvalidCursor(str(error)) from error
    if not found:
        raise InvalidCursor("the cursor was not issued here")
    return int(found[1]), found[2]


def _listing(query: RecordQuery) -> str:
    """Name the list: everything that says what is in it."""
    names = (field.name for field in fields(query) if field.name not in _NOT_A_FILTER)
    return repr([(name, str(getattr(query, name))) for name in names])
