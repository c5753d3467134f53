"""Passes the point of no return for the addresses of one attempt, and leaves word of each doubt."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from notification_providers.port import Repeating

from notification_dispatcher.application.ports import PassPointOfNoReturn, Sender, Starting
from notification_dispatcher.application.targets import SendTarget
from notification_dispatcher.domain.progress import EMPTY, Progress, doubt_at


class AttemptStart:
    """The start of one attempt. `said` is what the queue keeps for those who come after."""

    def __init__(
        self,
        sender: Sender,
        pass_point: PassPointOfNoReturn,
        said: str,
        now: Callable[[], datetime],
    ) -> None:
        self.said = said or EMPTY
        self._sender = sender
        self._pass_point = pass_point
        self._now = now
        self._one_for_all: asyncio.Lock | None = None
        self._is_over: Exception | None = None
        self._has_passed = False

    async def alone(self, target: SendTarget, key: str, progress: Progress, provider: str) -> None:
        """Start for the only address that is under way, at this provider."""
        is_repeatable = self._sender.repeating(provider) is not Repeating.NEITHER
        if is_repeatable:
            doubt = doubt_at(provider, key, progress.doubts.get(target.digest), self._now())
            progress = progress.with_doubt(target.digest, doubt)
        said = progress.encode() if progress else EMPTY
        await self._pass_point(
            Starting(
                provider=provider,
                is_repeatable=is_repeatable,
                progress=None if said == self.said else said,
            )
        )
        self.said = said

    async def together(self, provider: str) -> None:
        """Start for all addresses that are under way, once: they leave at the same moment."""
        if self._one_for_all is None:
            self._one_for_all = asyncio.Lock()
        async with self._one_for_all:
            if self._is_over is not None:
                raise self._is_over
            if self._has_passed:
                return
            starting = Starting(provider=provider, is_repeatable=self._sender.is_repeatable)
            try:
                await self._pass_point(starting)
            except Exception as error:
                self._is_over = error  # for all of them: none has left
                raise
            self._has_passed = True
