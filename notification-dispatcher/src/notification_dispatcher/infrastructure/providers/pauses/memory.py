"""Pauses of this process alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(slots=True, kw_only=True)
class InMemoryPauses:
    """`Pauses` for as long as the object lives. There is one entry for each name ever paused."""

    monotonic: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict, init=False)

    @property
    def is_shared(self) -> bool:
        """See `Pauses`: no other process sees them."""
        return False

    async def pause(self, name: str, period: timedelta) -> None:
        """See `Pauses`."""
        until = self.monotonic() + period.total_seconds()
        self._until[name] = max(until, self._until.get(name, until))

    async def remaining(self, name: str) -> timedelta:
        """See `Pauses`."""
        return timedelta(seconds=max(self._until.get(name, 0.0) - self.monotonic(), 0.0))

    async def close(self) -> None:
        """See `Pauses`: there is no connection."""
