"""Who calls, as the gateway tells the services: it has checked the key, they go by these headers.

They come from the gateway alone, which drops a client's own; `INTERNAL_TOKEN` keeps all others
from asking the services.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KEY_ID_HEADER: Final = "X-Key-Id"
KEY_KIND_HEADER: Final = "X-Key-Kind"


class NotForTestKeys(Exception):
    """Raised when a test key is used for what is meant for people."""


class KeyKind(StrEnum):
    """What a key is for: a test key runs the whole path, and reaches no provider."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever has the key `key_id`; None where callers need no key."""

    key_id: str | None = None
    is_test: bool = False

    def own(self, idempotency_key: str) -> str:
        """Return what stands for this caller's idempotency key, and for no other caller's."""
        if self == _ANYBODY:
            return idempotency_key
        kind = KeyKind.TEST if self.is_test else KeyKind.LIVE
        return f"{self.key_id or ''} {kind} {idempotency_key}"


_ANYBODY: Final = Caller()
_ID: Final = KEY_ID_HEADER.lower().encode()
_KIND: Final = KEY_KIND_HEADER.lower().encode()
_LIVE: Final = KeyKind.LIVE.encode()


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """Read the headers, whose names are in lower case. Any kind but a plain `live` is a test's."""
    ids, is_test = [], False
    for name, value in headers:
        if name == _ID:
            ids.append(value.decode("latin-1"))
        elif name == _KIND and value != _LIVE:
            is_test = True
    if not ids and not is_test:
        return _ANYBODY
    return Caller(key_id=",".join(ids) or None, is_test=is_test)
