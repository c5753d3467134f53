"""Cursors of lists: opaque to clients, and good for the list only that gave them out.

A cursor holds a position and a digest of it and of the list's name. The digest is no secret and
is no protection against forgery; it tells a cursor that was issued from one that was typed, cut
off, or taken from another list, which would silently show the wrong page.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 6


class ForeignCursor(ValueError):
    """Raised when a cursor was not given out by this list."""


def seal(listing: str, position: str) -> str:
    """Return the cursor of a position in the list that goes by the name `listing`."""
    return urlsafe_b64encode(_digest(listing, position) + position.encode()).decode().rstrip("=")


def unseal(listing: str, cursor: str) -> str:
    """Return the position that `seal` was given for the same list.

    Raises:
        ForeignCursor: it was not issued for this list.
    """
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = raw[_DIGEST_BYTES:].decode()
    except ValueError as error:
        raise ForeignCursor("the cursor was not issued here") from error
    if seal(listing, position) != cursor:
        raise ForeignCursor("the cursor was not issued here")
    return position


def _digest(listing: str, position: str) -> bytes:
    text = f"{len(listing)}:{listing}{position}".encode()
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()
