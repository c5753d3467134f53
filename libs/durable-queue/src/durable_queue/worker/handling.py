"""What a worker calls for its messages, and what it calls their verdicts."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from durable_queue.port import Ack, Defer, Delivery, Forward, GiveUp, Release, Retry, Verdict
from durable_queue.worker.tracked_delivery import TrackedDelivery

HandleClaim = Callable[[Sequence[TrackedDelivery]], Awaitable[None]]
"""Brings the messages of one claim to their ends: settles each, soon, or lets it go on alone."""

Handle = Callable[[Delivery], Coroutine[Any, Any, None]]
"""Brings one message to its end."""

_OUTCOMES: Final[Mapping[type[Verdict], str]] = {
    Ack: "done",
    Forward: "forwarded",
    Retry: "retried",
    Defer: "deferred",
    GiveUp: "dead",
    Release: "released",
}


def outcome_of(verdict: Verdict) -> str:
    """Return what a verdict is called in the metrics."""
    return _OUTCOMES[type(verdict)]


def one_by_one(handle: Handle) -> HandleClaim:
    """Handle each message of a claim in a task of its own."""

    async def handle_claim(claim: Sequence[TrackedDelivery]) -> None:
        for held in claim:
            held.go_on(handle(held))

    return handle_claim
