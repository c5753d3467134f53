"""Checks of one notification's timeline: what must hold whatever was done to the system."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asyncnotify_prove.promises import ENDED, JsonObject, Promise

# What in a timeline explains that a provider was called twice.
UNCERTAIN_REASONS: Final = frozenset({"lease_lost", "ambiguous"})
BEFORE_SENDING: Final = frozenset({"validated", "retrying"})
CLOCK_JUMP_SECONDS: Final = 3600.0
APART_SECONDS: Final = 0.05
"""How far apart a dispatcher's idea of the broker's time and a record's may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of a timeline. `at` is in seconds since 1970."""

    at: float
    status: str
    reason: str | None = None
    channel: str | None = None
    attempt: int | None = None


def steps_of(record: JsonObject, around: float) -> list[Step]:
    """Read a timeline. Where the broker's clock was set an hour off, that is taken back: all of a
    run happens within half an hour of `around`.
    """
    return [
        Step(
            at=_set_right(datetime.fromisoformat(entry["at"]).timestamp(), around),
            status=entry["status"],
            reason=entry.get("reason"),
            channel=entry.get("channel"),
            attempt=entry.get("attempt"),
        )
        for entry in record["timeline"]
    ]


def breaches(promise: Promise, steps: Sequence[Step], copies: int) -> Iterator[str]:
    """Say what of a timeline can't be: `copies` is how many the provider got."""
    yield from _wrong_order(steps, is_askable=promise.is_askable)
    yield from _burnt_attempts(steps)
    yield from _wrong_time(promise, steps)
    sends = sum(step.status == "sending" for step in steps)
    if copies > sends:
        yield f"was sent {copies} times, but started {sends} times"
    doubts = [step.reason for step in steps if step.reason in UNCERTAIN_REASONS]
    if copies - 1 > len(doubts):
        yield f"was sent {copies} times, explained {len(doubts)} times"
    if promise.is_held and copies > 1:
        yield f"was sent {copies} times on a channel that holds what is uncertain"


def _wrong_order(steps: Sequence[Step], *, is_askable: bool) -> Iterator[str]:
    is_in_doubt = False
    for before, step in itertools.pairwise(steps):
        is_in_doubt = before.reason in UNCERTAIN_REASONS or (
            is_in_doubt and before.status != "sending"
        )
        if before.status in ENDED and step.status != "delivered":
            yield f"had ended as {before.status}, and then was {step.status}"
        elif step.status == "sending" and before.status not in BEFORE_SENDING:
            yield f"was started while it was {before.status}"
        elif is_askable and is_in_doubt:
            continue  # its provider was asked what became of it, and nothing was started
        elif step.status == "sent" and before.status != "sending":
            yield f"was sent while it was {before.status}: a late verdict counted"
        elif step.status == "retrying" and step.attempt and before.status != "sending":
            yield f"failed an attempt while it was {before.status}: a late verdict counted"
        elif step.status == "cancelled" and before.status == "sending":
            yield "was cancelled while it was being sent"


def _burnt_attempts(steps: Sequence[Step]) -> Iterator[str]:
    used = 0
    for step in steps:
        if step.status == "sending" and step.attempt and step.attempt > used + 1:
            yield f"was at attempt {step.attempt} after {used} had failed"
            return
        used += step.status == "retrying" and step.attempt is not None


def _wrong_time(promise: Promise, steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.status != "sending":
            continue
        if promise.due_at and step.at < promise.due_at - APART_SECONDS:
            yield f"was started {promise.due_at - step.at:.2f} s before it was due"
        if promise.expires_at and step.at > promise.expires_at + APART_SECONDS:
            yield f"was started {step.at - promise.expires_at:.2f} s after it had expired"


def _set_right(at: float, around: float) -> float:
    return at - round((at - around) / CLOCK_JUMP_SECONDS) * CLOCK_JUMP_SECONDS
