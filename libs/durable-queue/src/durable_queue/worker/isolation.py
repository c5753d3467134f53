"""Handling one message while nothing else is in flight in this process."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from durable_queue.port import Delivery


class Isolation:
    """Counts what is in flight in a process, and lets one message be there alone.

    Share one among all workers of a process: what kills the process kills them all.
    """

    def __init__(self) -> None:
        self._in_flight = 0
        self._is_on = False
        self._polls: set[asyncio.Task[Any]] = set()
        self._called_off: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """Whether a message is handled alone, or about to be: nothing else may be taken up."""
        return self._is_on

    async def until_open(self) -> None:
        """Wait until more may be taken up."""
        while self._is_on:
            await self._changed.wait()

    async def poll(
        self, receiving: Coroutine[Any, Any, Sequence[Delivery]]
    ) -> Sequence[Delivery] | None:
        """Receive; None if that was called off, so that a message can be alone or a worker rests.

        In the caller's own task: a task between would keep what it had just received to itself
        when the caller is cancelled.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that awaits is in a task
        self._polls.add(task)
        try:
            return await receiving
        except asyncio.CancelledError:
            if self._is_cancelled_by_others(task):
                raise
            return None
        finally:
            self._polls.discard(task)
            self._end_calling_off(task)
            self._notify()

    def _is_cancelled_by_others(self, task: asyncio.Task[Any]) -> bool:
        return task not in self._called_off or task.cancelling() > 1

    def _end_calling_off(self, task: asyncio.Task[Any]) -> None:
        if task in self._called_off:
            self._called_off.discard(task)
            task.uncancel()

    def begin(self) -> None:
        """Stop taking up messages until `end`."""
        self._is_on = True
        for task in tuple(self._polls):
            self.call_off(task)

    def call_off(self, task: asyncio.Task[Any]) -> None:
        """Have the poll of a task return None; do nothing if it polls nothing."""
        if task in self._polls - self._called_off:
            self._called_off.add(task)
            task.cancel()

    async def until_alone(self) -> None:
        """Wait until the one message for which it began is all that is in flight."""
        while self._polls or self._in_flight > 1:
            await self._changed.wait()

    def end(self) -> None:
        """Let others take up messages again."""
        self._is_on = False
        self._notify()

    def message_added(self) -> None:
        """Count a message that a worker began to handle."""
        self._in_flight += 1

    def message_removed(self) -> None:
        """Count a message that a worker is done with."""
        self._in_flight -= 1
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
