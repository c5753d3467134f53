"""What became of calls that were made at the same time."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from durable_queue.errors import QueueError

T = TypeVar("T")


async def outcomes_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T | QueueError]:
    """Return what each call returned, or raised of a queue's errors. Raises what else one did."""
    outcomes: list[T | QueueError] = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, QueueError):
            raise outcome
        outcomes.append(outcome)
    return outcomes
