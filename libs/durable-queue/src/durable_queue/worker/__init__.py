"""Empties lanes: receives, keeps the leases, hands each claim to a handler, stops gracefully."""

from durable_queue.worker.handling import Handle, HandleClaim, one_by_one
from durable_queue.worker.isolation import Isolation
from durable_queue.worker.tracked_delivery import NotAdvanced, TrackedDelivery
from durable_queue.worker.worker import Worker, WorkerStats, WorkQueue

__all__ = [
    "Handle",
    "HandleClaim",
    "Isolation",
    "NotAdvanced",
    "TrackedDelivery",
    "WorkQueue",
    "Worker",
    "WorkerStats",
    "one_by_one",
]
