"""Promotes in time what would be due, and might expire, before the next tick looks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from durable_queue.port import Message, QueueUnavailable

_BETWEEN_TICKS: Final = timedelta(seconds=2)
_ROUNDING_S: Final = 0.002  # Redis keeps milliseconds


class EarlyPromotion:
    """Has a lane looked after when a message that it was told of is due.

    By this process's clock, which may be wrong: then the tick finds the message, a little late.
    """

    def __init__(self, look_after: Callable[[str], Awaitable[object]]) -> None:
        self._look_after = look_after
        self._looking: set[asyncio.Task[None]] = set()

    def scheduled(self, message: Message) -> None:
        """Note a message that was just stored; nothing happens unless it is due very soon."""
        if message.due_at is None or message.expires_at is None:
            return
        wait = message.due_at - datetime.now(UTC)
        if timedelta(0) < wait < _BETWEEN_TICKS:
            seconds = wait.total_seconds() + _ROUNDING_S
            asyncio.get_running_loop().call_later(seconds, self._begin, message.lane)

    def _begin(self, lane: str) -> None:
        task = asyncio.create_task(self._look(lane))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self, lane: str) -> None:
        with contextlib.suppress(QueueUnavailable):  # then the tick will
            await self._look_after(lane)
