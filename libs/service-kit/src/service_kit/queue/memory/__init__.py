"""The queue in this process's memory: for tests, and for running everything in one process."""

from service_kit.queue.memory.delivery import MemoryOptions
from service_kit.queue.memory.queue import InMemoryQueue

__all__ = ["InMemoryQueue", "MemoryOptions"]
