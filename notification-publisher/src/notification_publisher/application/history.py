"""What has ended, and how long it is remembered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from durable_queue.port import BrokerClock
from notification_ledger.writing import LedgerUpkeep

AT_ONCE: Final = 500
"""Notifications that one step forgets: some milliseconds of the store's time."""
PER_CALL: Final = 10_000

GIVE_WAY_ABOVE: Final = 0.9
"""The share of the store's memory above which what has ended gives way to what waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many were forgotten, or would be, and whether there are more."""

    count: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetEnded:
    """Forget notifications that ended before a time, so many that a call does not take long."""

    ledger: LedgerUpkeep

    async def __call__(self, before: datetime, *, dry_run: bool) -> Forgotten:
        if dry_run:
            count = await self.ledger.forget(before, limit=0, dry_run=True)
            return Forgotten(count=count, more=False)
        count = 0
        while count < PER_CALL:
            forgotten = await self.ledger.forget(before, limit=AT_ONCE)
            count += forgotten
            if forgotten < AT_ONCE:
                return Forgotten(count=count, more=False)
        return Forgotten(count=count, more=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeRoom:
    """Forget what ended first while the store is nearly full; what waits matters more.

    Returns how full the store is afterwards, and how many were forgotten. `clock` is the one by
    which ends are noted.
    """

    ledger: LedgerUpkeep
    clock: BrokerClock

    async def __call__(self) -> tuple[float | None, int]:
        count = 0
        while (fullness := await self.ledger.fullness()) is not None and count < PER_CALL:
            if fullness <= GIVE_WAY_ABOVE:
                break
            forgotten = await self.ledger.forget(await self.clock.time(), limit=AT_ONCE)
            count += forgotten
            if not forgotten:
                break
        return fullness, count
