"""What every store of sliding windows promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """No more than `limit` different members, at least one, in any `period`."""

    name: str
    limit: int
    period: timedelta


class SlidingWindows(Protocol):
    """Counts who has entered which window. Only periods go in and out, never points in time."""

    @property
    def is_shared(self) -> bool:
        """True when other processes count in the same windows."""
        ...

    async def enter(self, member: str, windows: Sequence[Window]) -> Sequence[timedelta]:
        """Enter all of these windows, or none; return for each how long until it has room.

        A member that is in a window finds room there, and is not counted again; it stays in it for
        a `period` from now.

        Raises:
            QueueUnavailable: the store is another process, and can't be reached. The member may
                have entered.
        """
        ...

    async def close(self) -> None:
        """Close connections. What was counted stays."""
        ...
