"""Who is asking: keys and sessions in memory, a few seconds behind the store at most."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from math import inf
from time import monotonic, time
from typing import Any, Final

from gateway.application.ports import Changes, KeyStore, StoreUnavailable
from gateway.domain.keys import ApiKey, KeySession, digest_of, prefix_in

CALLER: Final = "caller"
"""The name under which a request's state has its `Principal`, if a key is needed at all."""

REFRESH_EVERY: Final = timedelta(seconds=2)
"""How often the store is asked for changes: a revoked key works 5 s longer at most."""

OUTLIVES_STORE: Final = timedelta(minutes=10)
"""How long known keys work on while the store cannot be asked."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a key, and the session that stands for it, if a browser asks.

    `ends` is when it stops counting, in seconds of `time.time`.
    """

    key: ApiKey
    session: KeySession | None = None
    ends: float = field(default=inf, compare=False)


def caller_in(state: Mapping[str, Any]) -> Principal | None:
    """Return who came in, from a request's state; None while nobody needs a key."""
    return state.get(CALLER)


class KnownKeys:
    """Answers from memory who is asking; `refresh` brings what has changed in the store.

    A key that is not known is looked for in the store: one that was just made works at once, on
    every gateway. Keys that are known work on for `OUTLIVES_STORE` while the store is down.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        now: Callable[[], float] = time,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        self._keys: dict[str, Principal] = {}
        self._sessions: dict[bytes, KeySession] = {}
        self._revision = 0
        self._confirmed_at = -inf
        self._begun = self._done = 0
        self._failed: str | None = None
        self._turn = asyncio.Lock()
        self._used: set[str] = set()
        self._watched: dict[asyncio.Event, Principal] = {}

    async def caller_with_key(self, text: str) -> Principal | None:
        """Return who has a key with this text; None if nobody has.

        Raises:
            StoreUnavailable: it is not known, and the store cannot be asked.
        """
        prefix = prefix_in(text)
        if prefix is None:
            return None
        if prefix not in self._keys:
            await self.refresh()
        return self.known_with_key(text)

    def known_with_key(self, text: str) -> Principal | None:
        """Return who is known to have a key with this text, at the price of a few microseconds.

        Raises:
            StoreUnavailable: the store has not been reached for too long.
        """
        caller = self._keys.get(prefix_in(text) or "")
        if caller is None or not compare_digest(caller.key.digest, digest_of(text)):
            return None
        if caller.ends <= self._now():
            return None
        self._refuse_too_old()
        self._used.add(caller.key.prefix)
        return caller

    async def caller_in_session(self, token: str) -> Principal | None:
        """Return who has the session with this token; None if nobody has.

        Raises:
            StoreUnavailable: it is not known, and the store cannot be asked.
        """
        digest = digest_of(token)
        if digest not in self._sessions:
            await self.refresh()
        return self._known_in_session(digest)

    def _known_in_session(self, digest: bytes) -> Principal | None:
        session = self._sessions.get(digest)
        caller = self._keys.get(session.prefix) if session else None
        if session is None or caller is None:
            return None
        ends = min(caller.ends, _seconds(session.ended_at), session.expires_at.timestamp())
        if ends <= self._now():
            return None
        self._refuse_too_old()
        self._used.add(session.prefix)
        return Principal(caller.key, session, ends)

    def _refuse_too_old(self) -> None:
        if self._clock() - self._confirmed_at > OUTLIVES_STORE.total_seconds():
            raise StoreUnavailable(self._failed or "the keys have not been read yet")

    def check(self) -> None:
        """Return if somebody can be let in.

        Raises:
            StoreUnavailable: the store has not been reached for too long.
        """
        self._refuse_too_old()

    @contextmanager
    def watching(self, caller: Principal) -> Iterator[asyncio.Event]:
        """Yield what is set as soon as the caller's key or session stops counting."""
        ended = asyncio.Event()
        self._watched[ended] = caller
        try:
            yield ended
        finally:
            del self._watched[ended]

    async def refresh(self) -> None:
        """Take over what has changed in the store. Who asks meanwhile shares the next asking.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        wanted = self._begun + 1
        async with self._turn:
            if self._done < wanted:
                self._begun = begun = self._begun + 1
                await self._catch_up()
                self._done = begun
        if self._failed is not None:
            raise StoreUnavailable(self._failed)

    async def _catch_up(self) -> None:
        try:
            changes = await self._store.changes(self._revision)
        except StoreUnavailable as error:
            # Its words alone: raised by all who ask, the error itself would grow with each of them.
            self._failed = str(error)
        else:
            self._take_over(changes)
            self._failed = None
            self._confirmed_at = self._clock()
        self._end_watched()

    def _take_over(self, changes: Changes) -> None:
        if changes.is_all:
            self._keys, self._sessions = {}, {}
        for key in changes.keys:
            self._keys[key.prefix] = Principal(key, ends=_seconds(key.ends_at))
        now = datetime.fromtimestamp(self._now(), UTC)
        for session in changes.sessions:
            self._sessions[session.digest] = session
        self._sessions = {
            digest: each for digest, each in self._sessions.items() if each.is_active_at(now)
        }
        self._revision = changes.revision

    def _end_watched(self) -> None:
        for ended, caller in self._watched.items():
            if not self._still_counts(caller):
                ended.set()

    def _still_counts(self, caller: Principal) -> bool:
        known = self._keys.get(caller.key.prefix)
        if known is None or known.ends <= self._now():
            return False
        if caller.session is None:
            return True
        return caller.session.digest in self._sessions and self._now() < caller.ends

    async def note_uses(self) -> None:
        """Write down which keys were used since the last time.

        Raises:
            StoreUnavailable: the store cannot be asked; they are kept for the next time.
        """
        used, self._used = self._used, set()
        if not used:
            return
        at = datetime.fromtimestamp(self._now(), UTC)
        try:
            await self._store.note_uses(dict.fromkeys(used, at))
        except StoreUnavailable:
            self._used |= used
            raise


def _seconds(at: datetime | None) -> float:
    return inf if at is None else at.timestamp()
