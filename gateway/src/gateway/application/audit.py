"""What was changed, by whom, and on how many."""

from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateway.application.ports import AuditEntry, AuditLog, StoreUnavailable

KEPT: Final = timedelta(days=400)
_MOST_WAITING: Final = 10_000


class AuditTrail:
    """Writes down what was changed. While the store is down, the newest entries wait for it.

    `lost` counts those for which there was no room.
    """

    def __init__(self, log: AuditLog, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._waiting: deque[AuditEntry] = deque(maxlen=_MOST_WAITING)
        self.lost = 0

    async def note(self, entry: AuditEntry) -> None:
        """Write an entry down, or keep it until `write_waiting` can."""
        self.lost += len(self._waiting) == _MOST_WAITING
        self._waiting.append(entry)
        try:
            await self.write_waiting()
        except StoreUnavailable:
            return

    async def write_waiting(self) -> None:
        """Write down what waits.

        Raises:
            StoreUnavailable: it has to wait on.
        """
        entries = list(self._waiting)
        if not entries:
            return
        self._waiting.clear()
        try:
            await self._log.add(entries)
        except (StoreUnavailable, CancelledError):
            # Whoever is cancelled may have written them: twice is better than not at all.
            self._waiting.extendleft(reversed(entries))
            raise

    async def page(self, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        """List entries with their places, the newest first."""
        return await self._log.page(after=after, limit=limit)

    async def forget_old(self) -> None:
        """Remove what is older than `KEPT`."""
        await self._log.forget(self._now() - KEPT)
