"""Batches for a queue whose broker takes messages one by one."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from durable_queue.delivery import Delivery
from durable_queue.errors import QueueError
from durable_queue.verdicts import Advance, Start, Verdict

T = TypeVar("T")


class OneByOne:
    """`MessageBatches`, by the deliveries' own methods, at the same time."""

    advances = False

    async def start_all(
        self, starts: Sequence[tuple[Delivery, Start]]
    ) -> Sequence[QueueError | None]:
        """Start messages."""
        return await outcomes_of(
            delivery.start(note, on_ambiguous=on_ambiguous, progress=progress)
            for delivery, (note, on_ambiguous, progress) in starts
        )

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        """Settle messages."""
        return await outcomes_of(delivery.settle(verdict) for delivery, verdict in verdicts)

    async def advance_all(
        self, advances: Sequence[tuple[Delivery, Advance]]
    ) -> Sequence[Delivery | QueueError | None]:
        """Forward messages."""
        return await outcomes_of(
            delivery.forward(advance.lane, advance.note) for delivery, advance in advances
        )


async def outcomes_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T | QueueError]:
    """Return what each call returned, or raised of a queue's errors. Raises what else one did."""
    outcomes: list[T | QueueError] = []
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, QueueError):
            raise outcome
        outcomes.append(outcome)
    return outcomes
