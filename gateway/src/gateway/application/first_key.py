"""The key with which all others are made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope

from gateway.application.manage_keys import WantedKey, key_from
from gateway.application.ports import KeyStore
from gateway.domain.keys import new_key_text, prefix_in

_FIRST: Final = WantedKey(name="first key", kind=KeyKind.LIVE, scopes=frozenset({Scope.ADMIN}))


class KeyFile(Protocol):
    """A file that only the operator can read."""

    def text(self) -> str | None:
        """Return what is in it; None if there is no file."""
        ...

    def renew(self, text: str) -> str:
        """Write it anew, unless another process just did; return what is in it then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpFirstKey:
    """Makes a key that may make keys, if there is none; its text is only in the file.

    The file comes first, and what is in it is made the key: a process that dies in between leaves
    no key that nobody knows, and of several that start at once all find the same.
    """

    store: KeyStore
    file: KeyFile
    now: Callable[[], datetime]

    async def __call__(self) -> bool:
        """Return whether there is a new key.

        Raises:
            StoreUnavailable: the store cannot be asked.
            OSError: the file cannot be read or written.
        """
        if await self.store.has_admin(self.now()):
            return False
        text = self.file.text() or ""
        prefix = prefix_in(text)
        if prefix is None or await self.store.get(prefix) is not None:
            text = self.file.renew(new_key_text(_FIRST.kind))
        now = self.now()
        return await self.store.add_first(key_from(text, _FIRST, now=now), now=now)
