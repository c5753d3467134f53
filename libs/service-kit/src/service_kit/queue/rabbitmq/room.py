"""Whether a lane has room for one more.

Not `x-max-length`: it would also refuse what is under way, and could never be changed. The count
is taken from the broker now and then, and what this process added since is added.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from service_kit.queue.port import QueueFull

_GOOD_FOR_S: Final = 0.5


class Room:
    """Counts as seldom as it can: about twice a second, and more often where it is tight."""

    def __init__(self, count: Callable[[str], Awaitable[int]], most: int) -> None:
        self._count = count
        self._most = most
        self._counted: dict[str, tuple[float, int]] = {}

    async def enter(self, lane: str) -> None:
        """Return if there is room.

        Raises:
            QueueFull: there is none.
            QueueUnavailable: the broker can't be asked.
        """
        at, waiting = self._counted.get(lane, (0.0, 0))
        if time.monotonic() - at > _GOOD_FOR_S or waiting >= self._most:
            at, waiting = time.monotonic(), await self._count(lane)
            # Others may have entered while we asked.
            known_at, known = self._counted.get(lane, (0.0, 0))
            waiting = max(waiting, known) if known_at > at else waiting
        if waiting >= self._most:
            self._counted[lane] = (at, waiting)
            raise QueueFull(f"{lane} holds {waiting} waiting messages")
        self._counted[lane] = (at, waiting + 1)
