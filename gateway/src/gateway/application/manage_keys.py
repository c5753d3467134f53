"""Making, finding, rotating and revoking keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope

from gateway.application.ports import KeyPlace, KeyStore, UnknownKey
from gateway.domain.keys import (
    NO_LIMITS,
    ApiKey,
    KeyLimits,
    digest_of,
    is_prefix,
    new_key_text,
    prefix_in,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """What a new key is to be like."""

    name: str
    kind: KeyKind
    scopes: frozenset[Scope]
    channels: frozenset[str] | None = None
    expires_at: datetime | None = None
    limits: KeyLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made, and its text, which is not kept."""

    key: ApiKey
    text: str


def key_from(text: str, wanted: WantedKey, *, now: datetime) -> ApiKey:
    """Give what is kept of a key with this text.

    Raises:
        ValueError: it is no key's text.
    """
    prefix = prefix_in(text)
    if prefix is None:
        message = "this is not the text of a key"
        raise ValueError(message)
    return ApiKey(
        prefix=prefix,
        digest=digest_of(text),
        name=wanted.name,
        kind=wanted.kind,
        scopes=wanted.scopes,
        channels=wanted.channels,
        expires_at=wanted.expires_at,
        limits=wanted.limits,
        family=prefix,
        created_at=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageKeys:
    """What an administrator does with keys."""

    store: KeyStore
    now: Callable[[], datetime]

    async def make(self, wanted: WantedKey) -> NewKey:
        """Make a key."""
        text = new_key_text(wanted.kind)
        key = key_from(text, wanted, now=self.now())
        await self.store.add(key)
        return NewKey(key, text)

    async def find(self, prefix: str) -> ApiKey:
        """Find a key.

        Raises:
            UnknownKey: there is none.
        """
        found = await self.store.get(prefix) if is_prefix(prefix) else None
        if found is None:
            raise UnknownKey
        return found

    async def page(self, *, after: KeyPlace | None, limit: int) -> Sequence[ApiKey]:
        """List keys, the newest first."""
        return await self.store.page(after=after, limit=limit)

    async def rotate(self, prefix: str, grace: timedelta) -> NewKey:
        """Make a key that does what an earlier one does; that one counts for `grace` from now.

        Raises:
            UnknownKey, KeyNotActive: there is no such key, or none that counts.
        """
        earlier, now = await self.find(prefix), self.now()
        text = new_key_text(earlier.kind)
        fresh = replace(
            earlier,
            prefix=prefix_in(text) or "",
            digest=digest_of(text),
            created_at=now,
            last_used_at=None,
        )
        await self.store.replace(prefix, fresh, now=now, ends=now + grace)
        return NewKey(fresh, text)

    async def revoke(self, prefix: str) -> None:
        """Let a key count no more.

        Raises:
            UnknownKey: there is none.
            LastAdminKey: nobody could make keys any more.
        """
        if not is_prefix(prefix):
            raise UnknownKey
        await self.store.revoke(prefix, at=self.now())
