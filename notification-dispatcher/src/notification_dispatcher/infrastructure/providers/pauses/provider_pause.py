"""A provider's pause: it asked for no further call, and no dispatcher calls it until that is over.

The shared store is asked once for all sends of about the same moment; its last answer counts for as
long as it gives no new one.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from durable_queue.port import QueueUnavailable
from service_kit.logs import get_logger

from notification_dispatcher.infrastructure.providers.pauses.port import Pauses

log = get_logger(__name__)

FRESH_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class ProviderPause:
    """The pause of one provider, by a `name` that is the same in every dispatcher."""

    name: str
    pauses: Pauses
    monotonic: Callable[[], float] = time.monotonic
    _until: float = field(default=0.0, init=False)
    _is_unshared: bool = field(default=False, init=False)  # the store doesn't know of it yet
    _asked_at: float | None = field(default=None, init=False)
    _asking: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def remaining(self) -> timedelta:
        """Return how much of it is left, as far as this process knows; zero if there is none."""
        return timedelta(seconds=max(self._until - self.monotonic(), 0.0))

    async def begin(self, period: timedelta) -> None:
        """Pause the provider for every dispatcher; at least for this one."""
        now = self.monotonic()
        if not self.remaining:
            log.warning("provider.paused", provider=self.name, seconds=period.total_seconds())
        self._until = max(self._until, now + period.total_seconds())
        await self._share()

    async def look(self) -> timedelta:
        """Return how much of it is left, by whichever dispatcher it was begun."""
        if self._is_unshared:
            await self._share()
        elif self._asked_at is None or self.monotonic() - self._asked_at >= FRESH_SECONDS:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            # Shielded: the first to ask may be cancelled, the others still want the answer.
            await asyncio.shield(self._asking)
        return self.remaining

    async def _ask(self) -> None:
        asked_at, until = self.monotonic(), self._until
        try:
            left = await self.pauses.remaining(self.name)
        except QueueUnavailable:
            return
        finally:
            self._asking = None
        self._asked_at = asked_at
        if until == self._until:  # else it was begun meanwhile, and the answer is older
            self._until = self.monotonic() + left.total_seconds()

    async def _share(self) -> None:
        remaining = self.remaining
        self._is_unshared = bool(remaining)
        if not remaining:
            return
        try:
            await self.pauses.pause(self.name, remaining)
        except QueueUnavailable as error:
            log.warning("provider.pause_not_shared", provider=self.name, error=str(error))
        else:
            self._is_unshared = False
