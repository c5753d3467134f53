"""Keeps room in the ledger's store, and says so."""

import asyncio
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from service_kit.logs import get_logger
from service_kit.queue.patience import jittered, pause

from notification_publisher.application.history import GIVE_WAY_ABOVE, MakeRoom
from notification_publisher.application.ports import RecordsUnavailable

log = get_logger(__name__)

_EVERY_S: Final = 1.0


class Housekeeping:
    """Looks every second how full the store is; when it nearly is, what has ended gives way."""

    def __init__(self, make_room: MakeRoom, registry: CollectorRegistry) -> None:
        self._make_room = make_room
        self._fullness: float | None = None
        self._gives_way = False
        self._gauge = Gauge(
            "ledger_memory_share", "The share of its memory that the store uses.", registry=registry
        )
        self._forgotten = Counter(
            "ledger_forgotten_early",
            "Ended notifications that were forgotten before their time, since memory was short.",
            registry=registry,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping` is set."""
        while not await pause(stopping, jittered(_EVERY_S)):
            try:
                self._note(*await self._make_room())
            except RecordsUnavailable:
                continue  # readiness and requests say so

    def details(self) -> Mapping[str, str]:
        """Say how full the store is, for readiness; nothing if that can't be told."""
        if self._fullness is None:
            return {}
        words = f"{self._fullness:.0%} of maxmemory"
        if self._gives_way:
            words += "; ended notifications are forgotten early"
        return {"memory": words}

    def _note(self, fullness: float | None, forgotten: int) -> None:
        self._fullness = fullness
        self._gauge.set(fullness or 0)
        self._forgotten.inc(forgotten)
        # One that gave way stays near the mark: it is over when nothing has to go.
        gives_way = forgotten > 0 or (fullness is not None and fullness > GIVE_WAY_ABOVE)
        if gives_way and not self._gives_way:
            log.warning("ledger.gives_way", memory_share=fullness, forgotten=forgotten)
        self._gives_way = gives_way
