"""What every store of pauses promises."""

from datetime import timedelta
from typing import Protocol


class Pauses(Protocol):
    """Knows which names are paused, and for how much longer.

    Only periods go in and out, never points in time, so that no caller's clock matters. Both calls
    raise `QueueUnavailable` where the store is another process that can't be reached.
    """

    @property
    def is_shared(self) -> bool:
        """True when other processes see the same pauses."""
        ...

    async def pause(self, name: str, period: timedelta) -> None:
        """Pause a name for at least so long from now; a longer pause stays as it is."""
        ...

    async def remaining(self, name: str) -> timedelta:
        """Return for how much longer a name is paused; zero if it is not."""
        ...

    async def close(self) -> None:
        """Close connections. Pauses stay."""
        ...
