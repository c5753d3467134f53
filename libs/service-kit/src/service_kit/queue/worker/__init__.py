"""Empties lanes: receives, keeps the leases, hands each message to a handler, stops gracefully."""

from service_kit.queue.worker.solitude import Solitude
from service_kit.queue.worker.worker import Worker, WorkerStats, WorkQueue

__all__ = ["Solitude", "WorkQueue", "Worker", "WorkerStats"]
