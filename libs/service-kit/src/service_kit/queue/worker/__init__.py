"""Empties lanes: receives, keeps the leases, hands each message to a handler, stops gracefully."""

from service_kit.queue.worker.worker import Worker, WorkerStats, WorkQueue

__all__ = ["WorkQueue", "Worker", "WorkerStats"]
