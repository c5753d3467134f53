"""API keys: their text, what they may do, and how long they count."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Final

from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope

_TEXT: Final = re.compile(r"an_(?:live|test)_([0-9a-f]{10})_[0-9a-f]{64}", re.ASCII)
_PREFIX: Final = re.compile(r"[0-9a-f]{10}", re.ASCII)
_PREFIX_BYTES: Final = 5
_SECRET_BYTES: Final = 32


TEST_SCOPES: Final = frozenset({Scope.SEND, Scope.READ})
"""What a test key may do: whoever may replay or make keys can reach people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a key may use up; None is what holds for keys without limits of their own."""

    requests_per_second: int | None = None
    burst: int | None = None
    notifications_per_day: int | None = None
    streams: int | None = None


NO_LIMITS: Final = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: of its text there is only the digest.

    `prefix` is the public part of the text, and names the key. `family` is the prefix of the first
    key of those that replaced each other: it stays when a key is rotated. `channels` is None for
    all. A replaced key counts until `grace_ends_at`.
    """

    prefix: str
    digest: bytes = field(repr=False)
    name: str
    kind: KeyKind
    scopes: frozenset[Scope]
    channels: frozenset[str] | None = None
    limits: KeyLimits = NO_LIMITS
    family: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
    grace_ends_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def ends_at(self) -> datetime | None:
        """From when on it does not count; None if it has no end yet."""
        ends = (self.expires_at, self.grace_ends_at, self.revoked_at)
        return min((each for each in ends if each is not None), default=None)

    def is_active_at(self, now: datetime) -> bool:
        """Tell whether it counts."""
        return self.ends_at is None or now < self.ends_at

    def may(self, scope: Scope) -> bool:
        """Tell whether it may do what needs the scope; `admin` may do all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


MAX_SESSIONS: Final = 50
"""Of one key, at once: all gateways have all sessions in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySession:
    """A browser's stand-in for a key, for a while; of its token there is only the digest."""

    digest: bytes = field(repr=False)
    prefix: str
    expires_at: datetime
    ended_at: datetime | None = None

    def is_active_at(self, now: datetime) -> bool:
        """Tell whether it counts; its key has to count, too."""
        return self.ended_at is None and now < self.expires_at


def new_key_text(kind: KeyKind) -> str:
    """Make the text of a new key: what its owner is shown, once."""
    return f"an_{kind}_{token_hex(_PREFIX_BYTES)}_{token_hex(_SECRET_BYTES)}"


def prefix_in(text: str) -> str | None:
    """Return the prefix in a key's text; None if it is no key's."""
    match = _TEXT.fullmatch(text)
    return match and match[1]


def is_prefix(text: str) -> bool:
    """Tell whether a key can have this prefix; a store need not be asked for what none can have."""
    return _PREFIX.fullmatch(text) is not None


def digest_of(text: str) -> bytes:
    """Return what is kept of the text of a key or a session.

    What has 256 random bits cannot be guessed from it, however fast the hash.
    """
    return sha256(text.encode()).digest()


def has_admin(keys: Iterable[ApiKey], now: datetime) -> bool:
    """Tell whether one of the keys may make keys."""
    return any(Scope.ADMIN in key.scopes and key.is_active_at(now) for key in keys)
