"""One answer for all who ask within the same second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

GOOD_FOR_S: Final = 1.0


class SharedAnswer(Generic[T]):
    """Asks once, however many want to know at about the same time; a failure is shared, too."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, good_for_s: float = GOOD_FOR_S) -> None:
        self._ask = ask
        self._good_for_s = good_for_s
        self._asking: asyncio.Task[T] | None = None
        self._good_until = 0.0

    async def __call__(self) -> T:
        """Return what was answered within the last second, or ask again."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() >= self._good_until):
            self._asking = asyncio.ensure_future(self._asked())
        # Shielded: the first to ask may be cancelled, the others still want the answer.
        return await asyncio.shield(self._asking)

    def forget(self) -> None:
        """Ask anew next time: what was answered has been changed."""
        self._asking = None

    async def _asked(self) -> T:
        try:
            return await self._ask()
        finally:
            self._good_until = asyncio.get_running_loop().time() + self._good_for_s
