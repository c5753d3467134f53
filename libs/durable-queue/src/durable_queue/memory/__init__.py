"""The queue in this process's memory: for tests, and for running everything in one process."""

from durable_queue.memory.delivery import MemoryOptions
from durable_queue.memory.queue import InMemoryQueue

__all__ = ["InMemoryQueue", "MemoryOptions"]
