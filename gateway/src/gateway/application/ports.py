"""What the gateway needs of a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.keys import ApiKey, KeySession


class StoreUnavailable(Exception):
    """Raised when the store cannot be reached, or is overloaded."""


class UnknownKey(Exception):
    """Raised when there is no key with this prefix."""


class KeyNotActive(Exception):
    """Raised when a key that no longer counts is to be rotated."""


class LastAdminKey(Exception):
    """Raised when the only key that may make keys is to be revoked."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A place in the list of keys, which has the newest first."""

    created_at: datetime
    prefix: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The keys and sessions that have changed, and the revision up to which that is known.

    `is_all` says that they are all that there are: what is not among them is gone.
    """

    keys: Sequence[ApiKey]
    sessions: Sequence[KeySession]
    revision: int
    is_all: bool


class KeyStore(Protocol):
    """Keeps keys and sessions. Every call may raise `StoreUnavailable`."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key."""
        ...

    async def has_admin(self, now: datetime) -> bool:
        """Tell whether there is a key that may make keys."""
        ...

    async def add_first(self, key: ApiKey, *, now: datetime) -> bool:
        """Store the key if there is none that may make keys; say whether it was stored."""
        ...

    async def get(self, prefix: str) -> ApiKey | None:
        """Find a key."""
        ...

    async def page(self, *, after: KeyPlace | None, limit: int) -> Sequence[ApiKey]:
        """List keys, the newest first, from behind a place on."""
        ...

    async def replace(self, prefix: str, new: ApiKey, *, now: datetime, ends: datetime) -> None:
        """Store `new`, and let the key that it replaces count until `ends`.

        Raises:
            UnknownKey: there is none.
            KeyNotActive: it has been replaced before, or does not count now.
        """
        ...

    async def revoke(self, prefix: str, *, at: datetime) -> None:
        """Let a key count no more; doing so twice is fine.

        Raises:
            UnknownKey: there is none.
            LastAdminKey: nobody could make keys any more.
        """
        ...

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys were last used."""
        ...

    async def open_session(self, session: KeySession, *, at: datetime) -> None:
        """Store a new session; forget those that are long over.

        The key's oldest ends if it would have more than `MAX_SESSIONS`.
        """
        ...

    async def end_session(self, digest: bytes, *, at: datetime) -> None:
        """Let a session count no more; there need not be one."""
        ...

    async def changes(self, after: int) -> Changes:
        """Give what has changed since a revision; 0 for all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change that was asked for: who, what, when, on how many, and what came of it."""

    at: datetime
    actor_name: str | None
    actor_prefix: str | None
    action: str
    target: str | None
    count: int | None
    status: int
    request_id: str


class AuditLog(Protocol):
    """Keeps what was changed, and by whom. Every call may raise `StoreUnavailable`."""

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries down."""
        ...

    async def page(self, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        """List entries with their places, the newest first, from behind a place on."""
        ...

    async def forget(self, before: datetime) -> None:
        """Remove the entries from before a time."""
        ...
