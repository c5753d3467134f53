"""What is known of each address after an attempt: it travels with the message to the next one.

Addresses are named by a digest that is another one for each notification, so that what travels
tells nobody whom it is for.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Self

DIGEST_CHARS: Final = 12


def digest_of(trace_id: str, address: str) -> str:
    """Name an address of a notification, the same on every attempt."""
    return hashlib.sha256(f"{trace_id}\n{address}".encode()).hexdigest()[:DIGEST_CHARS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A provider may have taken the message, under this key, at `since` or later.

    Only of one that can be asked, or be sent the same again: of no other anything follows.
    """

    provider: str
    key: str
    since: datetime


def doubt_at(provider: str, key: str, earlier: Doubt | None, since: datetime) -> Doubt:
    """Return the doubt about a send; that of an earlier one by the same provider goes on."""
    if earlier is not None and earlier.provider == provider:
        return earlier
    return Doubt(provider=provider, key=key, since=since)


_NO_DOUBTS: Final[Mapping[str, Doubt]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Which addresses, by digest, need no further attempt, and which are in doubt."""

    taken: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    doubts: Mapping[str, Doubt] = field(default_factory=lambda: _NO_DOUBTS)

    def __bool__(self) -> bool:
        """Tell whether anything is known."""
        return bool(self.taken or self.never or self.doubts)

    def is_settled(self, digest: str) -> bool:
        """Tell whether this address must not be sent to again."""
        return digest in self.taken or digest in self.never

    def with_taken(self, digest: str) -> Self:
        """Return it with an address to which the message went."""
        return replace(self.without_doubt(digest), taken=self.taken | {digest})

    def with_never(self, digest: str) -> Self:
        """Return it with an address that is gone, refused it for good, or may have it already."""
        return replace(self.without_doubt(digest), never=self.never | {digest})

    def with_doubt(self, digest: str, doubt: Doubt) -> Self:
        """Return it with an address to which the message may have gone."""
        return replace(self, doubts={**self.doubts, digest: doubt})

    def without_doubt(self, digest: str) -> Self:
        """Return it with no doubt about this address."""
        if digest not in self.doubts:
            return self
        return replace(
            self, doubts={name: doubt for name, doubt in self.doubts.items() if name != digest}
        )

    def encode(self) -> str:
        """Return it as the queue keeps it."""
        said = {
            "taken": sorted(self.taken),
            "never": sorted(self.never),
            "doubts": {
                digest: [doubt.provider, doubt.key, int(doubt.since.timestamp() * 1000)]
                for digest, doubt in self.doubts.items()
            },
        }
        return json.dumps({name: value for name, value in said.items() if value})

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what `encode` was given; what cannot be understood is as good as nothing."""
        try:
            said = json.loads(text)
            return cls(
                taken=frozenset(said.get("taken", ())),
                never=frozenset(said.get("never", ())),
                doubts={
                    digest: Doubt(
                        provider=provider,
                        key=key,
                        since=datetime.fromtimestamp(since_ms / 1000, UTC),
                    )
                    for digest, (provider, key, since_ms) in said.get("doubts", {}).items()
                },
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


NOTHING: Final = Progress()
EMPTY: Final = NOTHING.encode()
