"""What a client was promised, and what it did about it afterwards."""

from dataclasses import dataclass, field
from typing import Any

from notification_contracts.states import Status

JsonObject = dict[str, Any]

ENDED = frozenset(str(status) for status in Status if status.is_final)


@dataclass(slots=True, kw_only=True)
class Promise:
    """A client's request that got a 202. Times are seconds since 1970, on this machine's clock.

    `expected` are the ends that keep the promise, as `sent` or `failed:unknown_user`. `answers` are
    the trace ids of all answers under its idempotency key. `is_cancelled` is what the answer to
    `DELETE` said; None if it was not asked, or is unknown. `is_held`: what is uncertain is not sent
    again; `is_askable`: its provider can be asked what became of it.
    """

    key: str
    trace_id: str
    expected: frozenset[str]
    priority: str = "normal"
    due_at: float | None = None
    expires_at: float | None = None
    is_held: bool = False
    is_askable: bool = False
    is_cancelled: bool | None = None
    answers: set[str] = field(default_factory=set)
