"""Keeps the leases of a worker's messages alive while they are in flight."""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

from service_kit.logs import get_logger

from durable_queue.backoff import Outage, is_being_cancelled
from durable_queue.port import LeaseRenewal, QueueError
from durable_queue.worker.tracked_delivery import TrackedDelivery

log = get_logger(__name__)


class Leases:
    """Renews all leases of a worker; a message whose claim is over is dropped unless it started."""

    def __init__(
        self, queue: LeaseRenewal, held: Iterable[TrackedDelivery], lease: timedelta, worker: str
    ) -> None:
        self._queue = queue
        self._held = held
        self._lease_s = lease.total_seconds()
        self._worker = worker

    def ends(self) -> float:
        """Return when a lease ends that begins now, in `time.monotonic` seconds."""
        return time.monotonic() + self._lease_s

    async def renew_for_ever(self) -> None:
        """Renew the leases of all messages in flight, in one batch every third of a lease."""
        outage = Outage(f"{self._worker}: renew")
        pause_s = self._lease_s / 3
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._renew()
            except (Exception, asyncio.CancelledError) as error:
                if is_being_cancelled():
                    raise
                if not isinstance(error, QueueError):
                    log.exception("worker.renew_failed", worker=self._worker)
                pause_s = min(outage.failed(error), self._lease_s / 10)
            else:
                outage.over()
                pause_s = self._lease_s / 3

    async def _renew(self) -> None:
        renewed = [(held, held.delivery) for held in self._held if not held.is_claim_over]
        if not renewed:
            return
        lease_ends = self.ends()
        over = await self._queue.renew([delivery for _, delivery in renewed])
        over_ids = set(map(id, over))
        for held, delivery in renewed:
            if id(delivery) in over_ids:
                self._lose(held)
            else:
                held.lease_ends = lease_ends

    def _lose(self, held: TrackedDelivery) -> None:
        if held.may_be_given_back and not held.is_settling:
            held.is_claim_over = True
            if held.task:
                held.task.cancel()
        elif held.is_started and not held.verdict:
            # It must run to its end: what it began can't be taken back. Its verdict won't count.
            held.is_claim_over = True
            log.warning("worker.claim_lost_while_started", worker=self._worker, message_id=held.id)
