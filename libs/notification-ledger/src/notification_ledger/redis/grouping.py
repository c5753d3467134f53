"""Counts dead letters in Redis by reason and channel, in bounded steps."""

from typing import Final

from redis.asyncio import Redis
from service_kit.epoch import from_ms

from notification_ledger.grouping import GroupCounts
from notification_ledger.reading import DeadLetterGroups
from notification_ledger.redis.scripts import reading_script

LOOKS_AT: Final = 20_000
"""After how many dead letters one call stops: some fifty milliseconds of Redis' time."""
_BATCH: Final = 500


class DeadLetterCounter:
    """Counts the newest dead letters. Redis' errors come as they are."""

    def __init__(self, redis: Redis, prefix: str, *, looks_at: int = LOOKS_AT) -> None:
        self._groups = redis.register_script(reading_script("groups"))
        self._prefix = prefix
        self._looks_at = looks_at

    async def count(self) -> DeadLetterGroups:
        """See `LedgerReader.dead_letter_groups`."""
        counts, seen = GroupCounts(), 0
        while seen < self._looks_at:
            found, *rows = await self._groups(keys=[self._prefix], args=[seen, _BATCH])
            for reason, channel, count, first, last in zip(*[iter(rows)] * 5, strict=True):
                oldest, newest = from_ms(int(first)), from_ms(int(last))
                counts.add(reason or None, channel or None, int(count), oldest, newest)
            seen += int(found)
            if int(found) < _BATCH:
                return counts.groups(is_complete=True)
        return counts.groups(is_complete=False)
