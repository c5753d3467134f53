"""What goes on in the background so that keys are known: changes are fetched, uses noted."""

import asyncio
from datetime import timedelta
from typing import Final

from service_kit.lifecycle import Stopping, pause
from service_kit.logs import get_logger

from gateway.application.audit import AuditTrail
from gateway.application.first_key import SetUpFirstKey
from gateway.application.known_keys import REFRESH_EVERY, KnownKeys
from gateway.application.ports import StoreUnavailable

log = get_logger(__name__)

_UPKEEP_EVERY: Final = timedelta(minutes=1)
_FORGET_EVERY: Final = timedelta(hours=1)


class KeyUpkeep:
    """Keeps `known` up to date and the store tidy; says once when the store is down, and back.

    `first_key` is made as soon as the store can be asked; `how_to_see` tells the operator where it
    is.
    """

    def __init__(
        self,
        known: KnownKeys,
        trail: AuditTrail,
        *,
        first_key: SetUpFirstKey | None = None,
        how_to_see: str = "",
    ) -> None:
        self._known = known
        self._trail = trail
        self._first_key = first_key
        self._how_to_see = how_to_see
        self._is_down = False

    async def start(self) -> None:
        """Set up the first key, and read all keys, unless the store is down."""
        await self._attempt()

    async def stop(self) -> None:
        """Write down what was not yet."""
        try:
            await self._write()
        except StoreUnavailable as error:
            log.warning("keys.uses_lost", error=str(error))

    async def run(self, stopping: Stopping) -> None:
        """Go on until the process stops."""
        loop = asyncio.get_running_loop()
        written_at = forgot_at = loop.time()
        while not await pause(stopping, REFRESH_EVERY.total_seconds()):
            is_due = loop.time() - written_at > _UPKEEP_EVERY.total_seconds()
            forgets = loop.time() - forgot_at > _FORGET_EVERY.total_seconds()
            if await self._attempt(writes=is_due, forgets=forgets):
                written_at = loop.time() if is_due else written_at
                forgot_at = loop.time() if forgets else forgot_at

    async def _attempt(self, *, writes: bool = False, forgets: bool = False) -> bool:
        try:
            # First: keys count on, and end, even where the file of the first key cannot be written.
            await self._known.refresh()
            await self._set_up_first_key()
            await self._trail.write_waiting()
            if writes:
                await self._known.note_uses()
            if forgets:
                await self._trail.forget_old()
        except StoreUnavailable as error:
            if not self._is_down:
                self._is_down = True
                log.warning("keys.store_unavailable", error=str(error))
            return False
        if self._is_down:
            self._is_down = False
            log.info("keys.store_available", audit_entries_lost=self._trail.lost)
        return True

    async def _write(self) -> None:
        await self._trail.write_waiting()
        await self._known.note_uses()

    async def _set_up_first_key(self) -> None:
        if self._first_key is None:
            return
        if await self._first_key():
            log.warning("keys.first_key_made", see_it_with=self._how_to_see)
        self._first_key = None
