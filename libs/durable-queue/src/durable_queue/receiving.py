"""What all brokers' receiving has in common: turns among lanes, and callers that give up."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, TypeVar

from durable_queue.errors import QueueError, QueueUnavailable

ROTATE_EVERY: Final = 8
"""Every so many receives, another lane than the first is looked at first."""

D = TypeVar("D")


class LaneOrder:
    """Most urgent first, but now and then another lane, so that none is starved."""

    def __init__(self) -> None:
        self._receives = itertools.count(1)

    def next(self, lanes: Sequence[str]) -> Sequence[str]:
        """Return the lanes in the order in which this receive looks at them."""
        rounds, rest = divmod(next(self._receives), ROTATE_EVERY)
        if rest or len(lanes) == 1:
            return lanes
        first = 1 + rounds % (len(lanes) - 1)
        return (*lanes[first:], *lanes[:first])


class Receives(Generic[D]):
    """Receives in tasks that are never cancelled, for what a broker has sent would be lost.

    A caller that is cancelled waits until what its receive had found is given back. `end` makes a
    receive return soon; it is called at the close, too.
    """

    def __init__(
        self,
        *,
        end: Callable[["asyncio.Task[list[D]]"], Awaitable[None]],
        give_back: Callable[[Sequence[D]], Awaitable[object]],
    ) -> None:
        self._end = end
        self._give_back = give_back
        self._running: set[asyncio.Task[list[D]]] = set()
        self._giving_back: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def run(self, receive: Callable[[], Coroutine[Any, Any, list[D]]]) -> list[D]:
        """Return what `receive` does. Raises `QueueUnavailable` after the close."""
        if self._is_closed:
            raise QueueUnavailable("the queue is closed")
        receiving = asyncio.create_task(receive())
        self._running.add(receiving)
        receiving.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            self._running.discard(receiving)  # so that it looks no further
            giving_back = asyncio.create_task(self._undo(receiving))
            self._giving_back.add(giving_back)
            giving_back.add_done_callback(self._giving_back.discard)
            # So that whoever called it off knows when nothing of it is held any more.
            await asyncio.shield(giving_back)
            raise

    @property
    def is_wanted(self) -> bool:
        """Whether the caller of the receive that asks still waits for it."""
        return not self._is_closed and asyncio.current_task() in self._running

    async def close(self) -> None:
        """End all receives, and wait until unclaimed messages are given back."""
        self._is_closed = True
        running = tuple(self._running)
        await asyncio.gather(*map(self._end, running))
        await asyncio.gather(*running, *self._giving_back, return_exceptions=True)

    async def _undo(self, receiving: "asyncio.Task[list[D]]") -> None:
        await self._end(receiving)
        try:
            await self._give_back(await receiving)
        except QueueError:
            return  # what was found comes again: leases run out
