"""What came in for one follower of status changes since it last looked."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

from notification_ledger.reading import ChangeId, StatusChange

KeptChange = tuple[ChangeId, StatusChange]

_CAPACITY: Final = 1_000


class Inbox:
    """Bounded: a follower that is slower than what happens is `is_behind`, and must catch up."""

    def __init__(self, trace_id: str | None) -> None:
        self.is_behind = False
        self.error: Exception | None = None
        self._trace_id = trace_id
        self._changes: deque[KeptChange] = deque()
        self._news = asyncio.Event()

    def wants(self, change: StatusChange) -> bool:
        """Tell whether the follower asked for changes of this notification."""
        return self._trace_id in {None, change.trace_id}

    def put(self, kept: KeptChange) -> None:
        """Leave a change for the follower, if there is room."""
        if len(self._changes) == _CAPACITY:
            self.is_behind = True
        if not self.is_behind:
            self._changes.append(kept)
        self._news.set()

    def fall_behind(self) -> None:
        """Tell the follower that there is more than it was left."""
        self.is_behind = True
        self._news.set()

    def fail(self, error: Exception) -> None:
        """Tell the follower that nothing more will come."""
        self.error = error
        self._news.set()

    def take(self) -> Iterator[KeptChange]:
        """Yield what was left, oldest first."""
        while self._changes:
            yield self._changes.popleft()

    async def news(self) -> None:
        """Wait until there is something to look at."""
        await self._news.wait()
        self._news.clear()
