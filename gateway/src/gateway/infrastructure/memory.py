"""The in-memory twins of the stores."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.application.ports import (
    AuditEntry,
    Changes,
    KeyNotActive,
    KeyPlace,
    LastAdminKey,
    StoreUnavailable,
    UnknownKey,
)
from gateway.domain.keys import MAX_SESSIONS, ApiKey, KeySession, has_admin

_AUDIT_ENTRIES: Final = 10_000


class InMemoryKeys:
    """Keeps keys and sessions for the life of the process; can be told to be down."""

    def __init__(self) -> None:
        self.is_down = False
        self._keys: dict[str, ApiKey] = {}
        self._sessions: dict[bytes, KeySession] = {}
        self._revisions: dict[str | bytes, int] = {}
        self._revision = 0

    async def add(self, key: ApiKey) -> None:
        self._reachable()
        self._keep(key)

    async def has_admin(self, now: datetime) -> bool:
        return has_admin(self._reachable().values(), now)

    async def add_first(self, key: ApiKey, *, now: datetime) -> bool:
        if has_admin(self._reachable().values(), now):
            return False
        self._keep(key)
        return True

    async def get(self, prefix: str) -> ApiKey | None:
        return self._reachable().get(prefix)

    async def page(self, *, after: KeyPlace | None, limit: int) -> Sequence[ApiKey]:
        keys = sorted(self._reachable().values(), key=_place_of, reverse=True)
        if after is not None:
            keys = [key for key in keys if _place_of(key) < (after.created_at, after.prefix)]
        return keys[:limit]

    async def replace(self, prefix: str, new: ApiKey, *, now: datetime, ends: datetime) -> None:
        earlier = self._find(prefix)
        if earlier.replaced_by is not None or not earlier.is_active_at(now):
            raise KeyNotActive
        self._keep(replace(earlier, replaced_by=new.prefix, grace_ends_at=ends))
        self._keep(new)

    async def revoke(self, prefix: str, *, at: datetime) -> None:
        key = self._find(prefix)
        if key.revoked_at is not None:
            return
        others = [each for each in self._keys.values() if each.prefix != prefix]
        if has_admin([key], at) and not has_admin(others, at):
            raise LastAdminKey
        self._keep(replace(key, revoked_at=at))

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        keys = self._reachable()
        for prefix, at in uses.items():
            if prefix in keys:
                keys[prefix] = replace(keys[prefix], last_used_at=at)

    async def open_session(self, session: KeySession, *, at: datetime) -> None:
        self._reachable()
        open_ones = [
            each
            for each in self._sessions.values()
            if each.prefix == session.prefix and each.ended_at is None
        ]
        open_ones.sort(key=lambda each: each.expires_at, reverse=True)
        for each in open_ones[MAX_SESSIONS - 1 :]:
            await self.end_session(each.digest, at=at)
        self._sessions[session.digest] = session
        self._note(session.digest)

    async def end_session(self, digest: bytes, *, at: datetime) -> None:
        self._reachable()
        if digest in self._sessions:
            self._sessions[digest] = replace(self._sessions[digest], ended_at=at)
            self._note(digest)

    async def changes(self, after: int) -> Changes:
        keys = self._reachable()
        is_all = after == 0 or after > self._revision
        since = 0 if is_all else after
        return Changes(
            keys=[key for key in keys.values() if self._revisions[key.prefix] > since],
            sessions=[
                each for each in self._sessions.values() if self._revisions[each.digest] > since
            ],
            revision=self._revision,
            is_all=is_all,
        )

    def _find(self, prefix: str) -> ApiKey:
        try:
            return self._reachable()[prefix]
        except KeyError:
            raise UnknownKey from None

    def _keep(self, key: ApiKey) -> None:
        self._keys[key.prefix] = key
        self._note(key.prefix)

    def _note(self, changed: str | bytes) -> None:
        self._revision += 1
        self._revisions[changed] = self._revision

    def _reachable(self) -> dict[str, ApiKey]:
        if self.is_down:
            message = "told to be down"
            raise StoreUnavailable(message)
        return self._keys


class InMemoryAudit:
    """Keeps the newest entries for the life of the process; can be told to be down."""

    def __init__(self) -> None:
        self.is_down = False
        self._entries: deque[tuple[int, AuditEntry]] = deque(maxlen=_AUDIT_ENTRIES)
        self._last = 0

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            kept = self._reachable()
            self._last += 1
            kept.append((self._last, entry))

    async def page(self, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        entries = reversed(self._reachable())
        return [each for each in entries if after is None or each[0] < after][:limit]

    async def forget(self, before: datetime) -> None:
        entries = self._reachable()
        while entries and entries[0][1].at < before:
            entries.popleft()

    def _reachable(self) -> deque[tuple[int, AuditEntry]]:
        if self.is_down:
            message = "told to be down"
            raise StoreUnavailable(message)
        return self._entries


def _place_of(key: ApiKey) -> tuple[datetime, str]:
    return key.created_at, key.prefix
