"""A caller that is made when the first event is posted: its libraries take time and memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from notification_ledger.webhooks.endpoints import Endpoint, WebhookEvent

from notification_dispatcher.application.tell_webhook import (
    EndpointAnswer,
    EndpointCaller,
    NotCalled,
)


class ClosableCaller(EndpointCaller, Protocol):
    """A caller with connections."""

    async def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(slots=True, kw_only=True)
class CallerOnDemand:
    """An `EndpointCaller` that makes the one behind it once, in a thread."""

    make: Callable[[], ClosableCaller]
    _caller: ClosableCaller | None = field(default=None, init=False)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def call(self, endpoint: Endpoint, event: WebhookEvent) -> EndpointAnswer | NotCalled:
        """See `EndpointCaller`."""
        caller = self._caller or await self._made()
        return await caller.call(endpoint, event)

    async def close(self) -> None:
        """Close all connections, if there are any."""
        if self._caller:
            await self._caller.close()

    async def _made(self) -> ClosableCaller:
        async with self._making:
            if (caller := self._caller) is None:
                caller = self._caller = await asyncio.to_thread(self.make)
            return caller
