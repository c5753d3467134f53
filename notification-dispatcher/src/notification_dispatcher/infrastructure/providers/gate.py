"""How many calls at once, and how many a second: this process's limits for one provider."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


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


@dataclass(slots=True, kw_only=True)
class Gate:
    """Both limits of a provider. Turns a call away that finds no room within `max_wait` seconds.

    Waiting a little, rather than turning away at once, keeps a backlog where it is, in its queue
    and in its order; it would be deferred again and again at full speed.
    """

    concurrency: int
    per_second: float | None = None
    max_wait: float = 2.0
    _slots: asyncio.Semaphore = field(init=False)
    _bucket: TokenBucket | None = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._bucket = TokenBucket(per_second=self.per_second) if self.per_second else None

    async def enter(self) -> bool:
        """Wait for room. `leave` must follow if, and only if, this returned True."""
        if not await self._slot():
            return False
        try:
            has_token = await self._token()
        except BaseException:
            self._slots.release()
            raise
        if not has_token:
            self._slots.release()
        return has_token

    def leave(self) -> None:
        """Make room for the next."""
        self._slots.release()

    async def _slot(self) -> bool:
        if not self._slots.locked():
            return await self._slots.acquire()  # at once: no need for a timer
        try:
            async with asyncio.timeout(self.max_wait):
                await self._slots.acquire()
        except TimeoutError:
            return False
        return True

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
