"""Which message an idempotency key made, as long as the key counts."""

from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class DedupeKey:
    """Which message a key made; `until` is when the key may be used again, in ms since 1970."""

    id: str
    fingerprint: str
    answer: str
    until: int


class DedupeKeys:
    """Idempotency keys in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, DedupeKey] = {}

    def get(self, key: str, now: int) -> DedupeKey | None:
        """Return what a key made, if it still counts; an empty key never does."""
        known = self._keys.get(key)
        return known if known and known.until > now else None

    def add(self, key: str, made: DedupeKey, now: int) -> None:
        """Remember what a key made; an empty key means no key."""
        if not key:
            return
        # Two are looked at for each that is added: enough, and no call waits for a sweep.
        for old in tuple(islice(self._keys, 2)):
            if self._keys[old].until <= now:
                del self._keys[old]
        self._keys[key] = made

    def remove(self, key: str) -> None:
        """Let a key be used again."""
        self._keys.pop(key, None)
