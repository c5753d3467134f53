"""How many calls at once, and how many a second: this process's limits for one provider."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(slots=True, kw_only=True)
class TokenBucket:
    """Lets `per_second` calls through on average, and a second's worth at once.

    Kept as one number, the time at which the bucket is full again, so that it needs no task to
    refill it. A place in the queue is reserved by moving that time on.
    """

    per_second: float
    monotonic: Callable[[], float] = time.monotonic
    _full_at: float = field(default=0.0, init=False)

    def reserve(self, max_wait: float) -> float | None:
        """Reserve the next token; return the seconds until it is there.

        None, and nothing reserved, if that would be more than `max_wait`.
        """
        now = self.monotonic()
        burst = max(1.0, self.per_second) / self.per_second
        full_at = max(self._full_at, now) + 1 / self.per_second
        wait = max(full_at - now - burst, 0.0)
        if wait > max_wait:
            return None
        self._full_at = full_at
        return wait


class Turned(StrEnum):
    """Why a call was turned away."""

    RATE_IS_USED_UP = "rate is used up"
    IS_CLOSED = "is closed"


@dataclass(slots=True, kw_only=True)
class Gate:
    """Both limits of a provider.

    A call waits for its turn for as long as `concurrency` others are inside: who is merely busy
    turns nobody away. One that gets no token within `max_wait` seconds is turned away. Waiting a
    little keeps a backlog where it is, in its queue and in its order; it would be deferred again
    and again at full speed.
    """

    concurrency: int
    per_second: float | None = None
    max_wait: float = 2.0
    _inside: int = field(default=0, init=False)
    _waiting: deque[asyncio.Future[bool]] = field(default_factory=deque, init=False)
    _is_closed: bool = field(default=False, init=False)
    _bucket: TokenBucket | None = field(init=False)

    def __post_init__(self) -> None:
        self._bucket = TokenBucket(per_second=self.per_second) if self.per_second else None

    @property
    def is_full(self) -> bool:
        """True when a call would have to wait for its turn."""
        return self._inside >= self.concurrency

    async def enter(self) -> Turned | None:
        """Wait for room. `leave` must follow if, and only if, this returned None."""
        if not await self._turn():
            return Turned.IS_CLOSED
        try:
            has_token = await self._token()
        except BaseException:
            self.leave()
            raise
        if has_token:
            return None
        self.leave()
        return Turned.RATE_IS_USED_UP

    def leave(self) -> None:
        """Make room for the next."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)  # and as many are inside as before
                return
        self._inside -= 1

    def close(self) -> None:
        """Turn away those who wait for their turn, and who would have to from now on."""
        self._is_closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(False)

    async def _turn(self) -> bool:
        if not self.is_full:
            self._inside += 1
            return True
        if self._is_closed:
            return False
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # it had its turn at the same moment
            raise

    async def _token(self) -> bool:
        if self._bucket is None:
            return True
        wait = self._bucket.reserve(self.max_wait)
        if wait is None:
            await asyncio.sleep(self.max_wait)
            wait = self._bucket.reserve(self.max_wait)
        if wait is None:
            return False
        if wait:
            await asyncio.sleep(wait)
        return True
