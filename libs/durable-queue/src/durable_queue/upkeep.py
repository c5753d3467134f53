"""What must go on all the time beside the workers: the tick and the audit.

Any number of processes may do both at once; each round is atomic at the broker.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

from durable_queue.backoff import Outage, jittered
from durable_queue.metrics import QueueMetrics
from durable_queue.port import LaneDepth, QueueUnavailable, QueueUpkeep, TickReport

log = get_logger(__name__)

_DEPTHS_EVERY: Final = 5
_SHORTEST_PAUSE_S: Final = 0.05
_FIRST_AUDIT: Final = timedelta(seconds=30)


class Ticker:
    """Promotes what is due, takes back expired leases and re-issues what was lost, every second.

    Comes earlier where something is due earlier: it may expire before the second is over. Comes
    later, `when_empty`, where there is nothing at all. Also shows the depth of each lane in the
    metrics, every fifth second.
    """

    def __init__(
        self,
        queue: QueueUpkeep,
        lanes: Sequence[str],
        *,
        every: timedelta = timedelta(seconds=1),
        when_empty: timedelta = timedelta(0),
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._queue = queue
        self._lanes = lanes
        self._every_s = every.total_seconds()
        self._when_empty_s = max(every, when_empty).total_seconds()
        self._metrics = metrics or QueueMetrics(CollectorRegistry())
        self._outage = Outage("tick")
        self._depths_due_at = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Tick until `stopping` is set, at times that differ by ±20 % from those of others.

        At once, too: the broker's clock must be known before somebody can set it.
        """
        pause_s = 0.0
        while not await pause(stopping, pause_s):
            try:
                pause_s = await self._round()
            except QueueUnavailable as error:
                pause_s = jittered(self._every_s)
                self._outage.failed(error)
            else:
                self._outage.over()

    async def _round(self) -> float:
        """Return the seconds until the next one."""
        report = await self._queue.tick(self._lanes)
        self._metrics.count_tick(report)
        _log_losses(report)
        occupied = [lane for lane in self._lanes if lane not in report.empty]
        if time.monotonic() >= self._depths_due_at:
            self._depths_due_at = time.monotonic() + _DEPTHS_EVERY * self._every_s
            depths = await self._queue.depths(occupied) if occupied else {}
            self._metrics.show_depths({**dict.fromkeys(report.empty, LaneDepth()), **depths})
        pause_s = jittered(self._every_s if occupied else self._when_empty_s)
        if report.next_due is None:
            return pause_s
        return min(pause_s, max(report.next_due.total_seconds(), _SHORTEST_PAUSE_S))


class Auditor:
    """Makes the queue's indexes agree with its messages, soon after the start and then regularly.

    It finds nothing unless a backup was restored, somebody edited by hand, there is a bug, or what
    it compares with was kept in a memory that is gone.
    """

    def __init__(
        self,
        queue: QueueUpkeep,
        *,
        every: timedelta = timedelta(minutes=10),
        first: timedelta = _FIRST_AUDIT,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self._queue = queue
        self._every_s = every.total_seconds()
        self._first_s = min(self._every_s, first.total_seconds())
        self._metrics = metrics or QueueMetrics(CollectorRegistry())
        self._outage = Outage("audit")

    async def run(self, stopping: asyncio.Event) -> None:
        """Audit until `stopping` is set."""
        pause_s = self._first_s
        while not await pause(stopping, jittered(pause_s)):
            pause_s = self._every_s
            try:
                mended = await self._queue.heal()
            except QueueUnavailable as error:
                pause_s = self._first_s
                self._outage.failed(error)
                continue
            self._outage.over()
            self._metrics.count_mended(mended)
            if mended:
                log.warning("queue.mended", entries=mended)


def _log_losses(report: TickReport) -> None:
    if report.leases_expired or report.died or report.reissued:
        log.warning(
            "queue.taken_back",
            leases_expired=report.leases_expired,
            died=report.died,
            reissued=report.reissued,
        )
