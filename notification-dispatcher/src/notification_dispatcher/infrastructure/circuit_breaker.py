"""A circuit breaker: stops asking a provider that keeps failing, and finds out when it is back.

closed ──(failures in a row)──► open ──(pause over)──► half-open ──(probe succeeds)──► closed
                                 ▲                         │
                                 └─────(probe fails)───────┘
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from notification_contracts.states import Reason


class BreakerState(StrEnum):
    """What the breaker lets through: all, nothing, or one probe at a time."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class CallPermit:
    """Permission to make one call; to be settled with what came of it."""

    era: int


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """Opens after `failures` in a row, for `pause`; then lets one probe through at a time.

    A call is settled with `is_healthy` True, False, or None where it says nothing. Calls that were
    permitted before the last change of state no longer count: only the probe closes the breaker.
    A call that `opens_for` a reason opens it at once; the reason is kept until it is closed.
    """

    failures: int
    pause: timedelta
    on_change: Callable[[BreakerState], None] = lambda _state: None
    monotonic: Callable[[], float] = time.monotonic
    _state: BreakerState = field(default=BreakerState.CLOSED, init=False)
    _in_a_row: int = field(default=0, init=False)
    _opens_at: float = field(default=0.0, init=False)
    _is_probing: bool = field(default=False, init=False)
    _era: int = field(default=0, init=False)
    _reason: Reason | None = field(default=None, init=False)

    @property
    def state(self) -> BreakerState:
        """Return the state as of now."""
        if self._state is BreakerState.OPEN and self.monotonic() >= self._opens_at:
            self._become(BreakerState.HALF_OPEN)
        return self._state

    @property
    def reason(self) -> Reason | None:
        """Return why a single call opened it; None if it is closed, or failures in a row did."""
        return self._reason

    @property
    def reopens_in(self) -> timedelta:
        """Return how long nothing will be let through; zero unless it is open."""
        if self.state is not BreakerState.OPEN:
            return timedelta(0)
        return timedelta(seconds=max(self._opens_at - self.monotonic(), 0))

    @property
    def is_available(self) -> bool:
        """True when `acquire` would permit a call."""
        return self.state is not BreakerState.OPEN and not self._is_probing

    def acquire(self) -> CallPermit | None:
        """Permit one call, or return None."""
        if not self.is_available:
            return None
        self._is_probing = self.state is BreakerState.HALF_OPEN
        return CallPermit(self._era)

    def settle(
        self, permit: CallPermit, *, is_healthy: bool | None, opens_for: Reason | None = None
    ) -> None:
        """Say what came of a permitted call. Must follow every `acquire`, or probing stops."""
        if permit.era != self._era:
            return
        self._is_probing = False
        if is_healthy is None:
            return
        if is_healthy:
            self._in_a_row = 0
            if self._state is BreakerState.HALF_OPEN:
                self._become(BreakerState.CLOSED)
            return
        self._in_a_row += 1
        is_probe = self._state is BreakerState.HALF_OPEN
        if opens_for or is_probe or self._in_a_row >= self.failures:
            self._reason = opens_for
            self._opens_at = self.monotonic() + self.pause.total_seconds()
            self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._era += 1
        self._in_a_row = 0
        self._is_probing = False
        if state is BreakerState.CLOSED:
            self._reason = None
        self.on_change(state)
