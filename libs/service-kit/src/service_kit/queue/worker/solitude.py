"""Handling one message while nothing else is in this process's hands."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from service_kit.queue.patience import is_being_cancelled
from service_kit.queue.port import Delivery


class Solitude:
    """Counts what the workers of a process have in hand, and lets one message be there alone.

    Share one among all workers of a process: what kills the process kills them all.
    """

    def __init__(self) -> None:
        self._in_hand = 0
        self._is_claimed = False
        self._polls: set[asyncio.Task[Sequence[Delivery]]] = set()
        self._changed = asyncio.Event()

    @property
    def is_claimed(self) -> bool:
        """Whether a message is handled alone, or about to be: nothing else may be taken up."""
        return self._is_claimed

    async def until_open(self) -> None:
        """Wait until more may be taken up."""
        while self._is_claimed:
            await self._changed.wait()

    async def poll(
        self, receiving: Coroutine[Any, Any, Sequence[Delivery]]
    ) -> Sequence[Delivery] | None:
        """Receive; None if that was called off so that a message can be alone."""
        task = asyncio.create_task(receiving)
        self._polls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if is_being_cancelled() or not self._is_claimed:
                raise
            return None
        finally:
            self._polls.discard(task)
            self._tell()

    def claim(self) -> None:
        """Let nobody take up more, until `end`."""
        self._is_claimed = True
        for task in self._polls:
            task.cancel()

    async def until_alone(self) -> None:
        """Wait until the one message for which it was claimed is all that is in hand."""
        while self._polls or self._in_hand > 1:
            await self._changed.wait()

    def end(self) -> None:
        """Let others take up messages again."""
        self._is_claimed = False
        self._tell()

    def take_up(self) -> None:
        """Count a message that came into a hand."""
        self._in_hand += 1

    def put_down(self) -> None:
        """Count a message that left it."""
        self._in_hand -= 1
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
