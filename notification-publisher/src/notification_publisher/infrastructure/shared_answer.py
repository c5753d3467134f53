"""One answer for all who ask at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

GOOD_FOR_S: Final = 1.0
AT_MOST: Final = 0.05


class SharedAnswer(Generic[T]):
    """Asks once, however many want to know at about the same time; a failure is shared, too.

    An answer counts for `good_for_s`, and for longer if it took long to get: at most the share
    `at_most` of the time is spent on asking.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[T]],
        *,
        good_for_s: float = GOOD_FOR_S,
        at_most: float = AT_MOST,
    ) -> None:
        self._ask = ask
        self._good_for_s = good_for_s
        self._at_most = at_most
        self._asking: asyncio.Task[T] | None = None
        self._good_until = 0.0

    async def __call__(self) -> T:
        """Return what was answered a moment ago, or ask again."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() >= self._good_until):
            self._asking = asyncio.ensure_future(self._asked())
        # Shielded: the first to ask may be cancelled, the others still want the answer.
        return await asyncio.shield(self._asking)

    def forget(self) -> None:
        """Ask anew next time: what was answered has been changed."""
        self._asking = None

    async def _asked(self) -> T:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            return await self._ask()
        finally:
            now = loop.time()
            self._good_until = now + max(self._good_for_s, (now - asked_at) / self._at_most)
