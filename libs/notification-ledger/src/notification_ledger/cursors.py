"""Cursors and change ids: opaque to callers, checked when they come back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from notification_ledger.port import InvalidCursor

Position = tuple[int, str]
"""Where a record stands in a list: created, milliseconds since 1970, and its id."""

ChangeId = tuple[int, int]
"""A change's id, as changes are ordered by it."""

_POSITION = re.compile(r"(\d{1,15}):([\x21-\x7e]{1,128})", re.ASCII)
_CHANGE_ID = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_MAX_PART = 2**64 - 1


def encode_cursor(position: Position) -> str:
    """Return the cursor of the page that follows the record at `position`."""
    return urlsafe_b64encode(f"{position[0]}:{position[1]}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Position:
    """Return the position that `encode_cursor` was given.

    Raises:
        InvalidCursor: it was not made by `encode_cursor`.
    """
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError as error:
        raise InvalidCursor("the cursor is none of ours") from error
    found = _POSITION.fullmatch(text)
    if not found or encode_cursor((int(found[1]), found[2])) != cursor:
        raise InvalidCursor("the cursor is none of ours")
    return int(found[1]), found[2]


def parse_change_id(text: str) -> ChangeId:
    """Return the id that `text` holds.

    Raises:
        InvalidCursor: it is no change id.
    """
    found = _CHANGE_ID.fullmatch(text)
    parts = (int(found[1]), int(found[2])) if found else (-1, -1)
    if not found or max(parts) > _MAX_PART:
        raise InvalidCursor("not a change id")
    return parts
