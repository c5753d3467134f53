"""Workers and upkeep that run while a test does."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import timedelta
from typing import Any

import pytest
from durable_queue.metrics import QueueMetrics
from durable_queue.port import Queue
from durable_queue.upkeep import Ticker
from durable_queue.worker import Handle, HandleClaim, Isolation, Worker, one_by_one

LONG_LEASE = pytest.mark.parametrize("lease", [timedelta(seconds=3)])
"""For tests in which no lease may be lost, not even while the machine is busy."""


async def until(holds: Callable[[], bool], *, within_s: float = 60) -> None:
    """Wait until `holds()`.

    Raises:
        TimeoutError: it took too long.
    """
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)


class Running:
    """Workers and tickers on lane `work` of a queue, until `stop` or `cancel`."""

    def __init__(self, queue: Queue, *, lease: timedelta) -> None:
        self.queue = queue
        self.lease = lease
        self.stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def worker(self, handle: Handle, **fields: Any) -> Worker:  # noqa: ANN401 - go on to the next
        """Start a worker called `test` that handles messages one by one."""
        return self.worker_of_claims(one_by_one(handle), **fields)

    def worker_of_claims(  # noqa: PLR0913 - all by keyword
        self,
        handle: HandleClaim,
        *,
        lanes: Sequence[str] = ("work",),
        concurrency: int = 10,
        lease: timedelta | None = None,
        grace: timedelta = timedelta(seconds=5),
        metrics: QueueMetrics | None = None,
        isolation: Isolation | None = None,
        is_paused: bool = False,
        onward: Collection[Worker] = (),
    ) -> Worker:
        """Start a worker called `test`."""
        worker = Worker(
            self.queue,
            lanes,
            handle,
            name="test",
            concurrency=concurrency,
            lease=lease or self.lease,
            grace=grace,
            metrics=metrics,
            isolation=isolation,
            is_paused=is_paused,
            onward=onward,
        )
        self._run(worker.run(self.stopping))
        return worker

    def ticker(self) -> None:
        """Tick every 20 ms from now on."""
        ticker = Ticker(self.queue, ["work"], every=timedelta(milliseconds=20))
        self._run(ticker.run(self.stopping))

    async def stop(self) -> float:
        """Stop all gracefully; return how many seconds that took."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        self.stopping.set()
        await asyncio.gather(*self._tasks)
        return loop.time() - before

    async def cancel(self) -> None:
        """Cancel all, as a supervisor does with those that won't stop."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, run: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(run))
