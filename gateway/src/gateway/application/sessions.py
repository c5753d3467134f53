"""Sessions: what a browser shows instead of its key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Final

from gateway.application.known_keys import KnownKeys, Principal
from gateway.application.ports import KeyStore
from gateway.domain.keys import KeySession, digest_of

SESSION_LASTS: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Opens sessions for keys, and ends them."""

    store: KeyStore
    known: KnownKeys
    now: Callable[[], datetime]

    async def open(self, key_text: str) -> tuple[Principal, str] | None:
        """Open a session for a key; return who that is, and the session's token.

        None if the key is unknown, or does not count.
        """
        caller = await self.known.caller_with_key(key_text)
        if caller is None:
            return None
        token = token_urlsafe()
        now = self.now()
        latest = now + SESSION_LASTS
        expires_at = min(latest, caller.key.ends_at or latest)
        session = KeySession(
            digest=digest_of(token), prefix=caller.key.prefix, expires_at=expires_at
        )
        await self.store.open_session(session, at=now)
        return Principal(caller.key, session, expires_at.timestamp()), token

    async def end(self, session: KeySession) -> None:
        """End a session, on all gateways."""
        await self.store.end_session(session.digest, at=self.now())
        await self.known.refresh()
