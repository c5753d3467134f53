"""Whether a lane can take one more.

Not `x-max-length`: it would also refuse what is under way, and could never be changed. The count
is taken from the broker now and then, and what this process added since is added. What waits for
its time counts, too; it is in delay queues that all lanes share, so it counts for each of them.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from durable_queue.port import QueueFull

_GOOD_FOR_S: Final = 0.5


@dataclass(slots=True)
class _Lane:
    counted_at: float = 0.0
    waiting: int = 0
    entering: int = 0
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)


class LaneCapacity:
    """Counts as seldom as it can: about twice a second, and more often where it is tight."""

    def __init__(self, count: Callable[[str], Awaitable[int]], most: int) -> None:
        self._count = count
        self._most = most
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)

    @asynccontextmanager
    async def reserve(self, lane: str) -> AsyncIterator[None]:
        """Hold a place for one message while it is put into the broker.

        Raises:
            QueueFull: there is no room.
            QueueUnavailable: the broker can't be asked.
        """
        known = self._lanes[lane]
        if not self._has_capacity(known):
            async with known.counting:
                if not self._has_capacity(known):
                    known.waiting = await self._count(lane) + known.entering
                    known.counted_at = time.monotonic()
        if known.waiting >= self._most:
            raise QueueFull(f"{lane} holds {known.waiting} waiting messages")
        known.waiting += 1
        known.entering += 1
        try:
            yield
        finally:
            known.entering -= 1

    def _has_capacity(self, known: _Lane) -> bool:
        is_fresh = time.monotonic() - known.counted_at < _GOOD_FOR_S
        return is_fresh and known.waiting < self._most
