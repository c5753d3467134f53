"""Empties lanes: receives, keeps the leases, hands each message to a handler, stops gracefully."""

from durable_queue.worker.isolation import Isolation
from durable_queue.worker.worker import Worker, WorkerStats, WorkQueue

__all__ = ["Isolation", "WorkQueue", "Worker", "WorkerStats"]
