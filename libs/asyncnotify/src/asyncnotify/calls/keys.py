"""The calls about keys, and about what was done with them."""

from collections.abc import AsyncGenerator, Iterable

from asyncnotify.calls.base import Calls, given, segment
from asyncnotify.models.keys import AuditEntry, AuditPage, Key, KeyPage, NewKey


class KeyCalls(Calls):
    """The calls about keys."""

    async def create_key(self, /, name: str, scopes: Iterable[str], **said: object) -> NewKey:
        """Make a key: kind, channels, expires_at, limits. The answer's `key` is shown this once."""
        body = given({"name": name, "scopes": list(scopes), **said})
        return await self._ask(NewKey, "POST", "/keys", body=body)

    def iter_keys(self, *, limit: int | None = None) -> AsyncGenerator[Key, None]:
        """Yield all keys, those that count no more too, newest first, at most `limit`."""
        return self._pages(KeyPage, "/keys", limit, {})

    async def key(self, prefix: str) -> Key:
        """Return a key.

        Raises:
            NotFound: there is none with this prefix.
        """
        return await self._get(Key, _path(prefix))

    async def rotate_key(self, prefix: str, *, grace_seconds: int | None = None) -> NewKey:
        """Replace a key; the former one counts on for a day, or as long as given."""
        body = given({"grace_seconds": grace_seconds})
        return await self._ask(NewKey, "POST", f"{_path(prefix)}/rotate", body=body)

    async def revoke_key(self, prefix: str) -> Key:
        """Let a key count no more, within 5 s on every gateway."""
        return await self._ask(Key, "DELETE", _path(prefix), may_repeat=True)

    def iter_audit(self, *, limit: int | None = None) -> AsyncGenerator[AuditEntry, None]:
        """Yield what was changed, and by whom, newest first, at most `limit`."""
        return self._pages(AuditPage, "/audit", limit, {})


def _path(prefix: str) -> str:
    return f"/keys/{segment('prefix', prefix)}"
