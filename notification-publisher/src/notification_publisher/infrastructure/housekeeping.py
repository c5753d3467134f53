"""Keeps the ledger's store from filling up, and reports it."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from durable_queue.backoff import jittered
from durable_queue.port import BrokerClock, QueueUnavailable
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.writing import LedgerStore
from prometheus_client import CollectorRegistry, Counter, Gauge
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

from notification_publisher.application.history import GIVE_WAY_ABOVE, MakeRoom

log = get_logger(__name__)

OVERDUE_AFTER: Final = timedelta(minutes=1)
_EVERY_S: Final = 1.0
_COUNTS_EVERY: Final = 5


class Housekeeping:
    """Looks every second how full the store is; when it nearly is, what has ended gives way.

    Every fifth time it counts what should have been taken up long ago.
    """

    def __init__(
        self, ledger: LedgerStore, clock: BrokerClock, registry: CollectorRegistry
    ) -> None:
        self._ledger = ledger
        self._make_room = MakeRoom(ledger=ledger, clock=clock)
        self._overdue = 0
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
        self._overdue_gauge = Gauge(
            "ledger_overdue",
            "Notifications that still wait more than a minute after their time came.",
            registry=registry,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping` is set."""
        rounds = 0
        while not await pause(stopping, jittered(_EVERY_S)):
            try:
                if rounds % _COUNTS_EVERY == 0:
                    self._note_overdue(await self._ledger.overdue(OVERDUE_AFTER))
                rounds += 1
                self._note(*await self._make_room())
            except (LedgerUnavailable, QueueUnavailable):
                continue  # readiness and requests say so

    async def check(self) -> Mapping[str, str]:
        """Exercise the ledger, and say where it is, how full that is, and what is overdue."""
        await self._ledger.ping()
        in_memory = isinstance(self._ledger, MemoryLedger)
        where = "in this process's memory, until it ends" if in_memory else "in Redis"
        details = {"kept": where, "overdue": str(self._overdue)}
        if self._fullness is not None:
            early = "; ended notifications are forgotten early" if self._gives_way else ""
            details["memory"] = f"{self._fullness:.0%} of maxmemory{early}"
        return details

    def _note_overdue(self, count: int) -> None:
        if count and not self._overdue:
            log.warning("ledger.overdue", notifications=count)
        self._overdue = count
        self._overdue_gauge.set(count)

    def _note(self, fullness: float | None, forgotten: int) -> None:
        self._fullness = fullness
        self._gauge.set(fullness or 0)
        self._forgotten.inc(forgotten)
        # One that gave way stays near the mark: it is over when nothing has to go.
        gives_way = forgotten > 0 or (fullness is not None and fullness > GIVE_WAY_ABOVE)
        if gives_way and not self._gives_way:
            log.warning("ledger.gives_way", memory_share=fullness, forgotten=forgotten)
        self._gives_way = gives_way
