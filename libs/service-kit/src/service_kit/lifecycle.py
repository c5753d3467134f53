"""What a process starts, keeps running and stops: resources and supervised background loops."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Protocol

from service_kit.logs import get_logger

log = get_logger(__name__)

Stopping = asyncio.Event
"""Set when the process is to stop; every long wait waits for this as well."""

NamedLoop = tuple[str, Callable[[Stopping], Awaitable[None]]]
"""A loop's name for logs and health, and the loop: it runs until the event is set."""

FIRST_BACKOFF = timedelta(milliseconds=100)
LONGEST_BACKOFF = timedelta(seconds=5)
STOP_GRACE = timedelta(seconds=20)


async def pause(stopping: Stopping, seconds: float) -> bool:
    """Wait so long, or until `stopping` is set; tell whether it is."""
    try:
        async with asyncio.timeout(seconds):
            return await stopping.wait()
    except TimeoutError:
        return stopping.is_set()


class Resource(Protocol):
    """Something that is opened when the process starts and closed when it stops."""

    async def start(self) -> None:
        """Open it. An error here ends the process, so don't wait for what may come later."""
        ...

    async def stop(self) -> None:
        """Close it. Also called if the process never got to serve."""
        ...


class LoopDown(Exception):
    """Raised by `BackgroundTasks.check` when a loop has crashed and waits to be run again."""


class BackgroundTasks:
    """Loops that run as long as the process does: restarted when they crash, stopped with it.

    `BackgroundTasks(("worker", worker.run), ("ticker", ticker.run))`. A crash is logged once, with
    its traceback, and the loop is run again after 0.1 s, doubling up to 5 s. It is a `Resource`.
    Given the process's `stopping`, the loops stop as soon as that is set, and not only when the
    server has let go of its last connection.
    """

    def __init__(
        self,
        *loops: NamedLoop,
        grace: timedelta = STOP_GRACE,
        stopping: Stopping | None = None,
    ) -> None:
        self._loops = loops
        self._grace = grace
        self._stopping = stopping or Stopping()
        self._tasks: list[asyncio.Task[None]] = []
        self._down: dict[str, str] = {}

    async def start(self) -> None:
        """Run the loops, each in a task of its own."""
        self._stopping.clear()
        self._tasks = [
            asyncio.create_task(self._supervise(name, run), name=name) for name, run in self._loops
        ]

    async def stop(self) -> None:
        """Tell the loops to stop; wait for them up to `grace`, then cancel those that are left."""
        self._stopping.set()
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._grace.total_seconds())
        for task in late:
            log.warning("background.cancelled", task=task.get_name())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self) -> Mapping[str, str] | None:
        """Say that all loops run; fit for readiness.

        Raises:
            LoopDown: names the loops that have crashed and wait to be run again.
        """
        if self._down:
            raise LoopDown(", ".join(f"{name}: {why}" for name, why in self._down.items()))
        return {name: "running" for name, _ in self._loops}

    async def _supervise(self, name: str, run: Callable[[Stopping], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF
        while not self._stopping.is_set():
            started = loop.time()
            await self._run_once(name, run)
            if loop.time() - started > LONGEST_BACKOFF.total_seconds():
                backoff = FIRST_BACKOFF
            await pause(self._stopping, backoff.total_seconds())
            self._down.pop(name, None)
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    async def _run_once(self, name: str, run: Callable[[Stopping], Awaitable[None]]) -> None:
        try:
            await run(self._stopping)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            # Something inside cancelled itself; that must not end the loop for good.
            self._note_crash(name, "cancelled itself")
        except Exception as error:  # noqa: BLE001 - any crash of a loop is survived
            self._note_crash(name, type(error).__name__)
        else:
            if not self._stopping.is_set():
                self._note_crash(name, "ended")

    def _note_crash(self, name: str, why: str) -> None:
        self._down[name] = why
        log.error("background.crashed", task=name, why=why, exc_info=True)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
