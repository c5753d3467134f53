"""The ports to the record of notifications, over the ledger."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from durable_queue.port import BrokerClock, QueueUnavailable
from notification_contracts.trace_ids import TraceId
from notification_ledger.cursors import parse_change_id
from notification_ledger.memory import MemoryLedger
from notification_ledger.port import InvalidCursor, Ledger, LedgerStore, LedgerUnavailable
from notification_ledger.record import (
    ChangesMissed,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
)

from notification_publisher.application.ports import RecordsUnavailable, UnknownCursor


class Keeping(Protocol):
    """What answers other processes that ask for the records in this one's memory."""

    async def check(self) -> None:
        """Raise if nobody can ask."""
        ...


async def check(
    ledger: LedgerStore, keeper: Keeping | None, room: Callable[[], Mapping[str, str]]
) -> Mapping[str, str]:
    """Exercise the ledger, and say where it is kept and how full that is; for readiness."""
    await ledger.ping()
    if keeper is not None:
        await keeper.check()
    if isinstance(ledger, MemoryLedger):
        return {"kept": "in this process's memory, until it ends", **room()}
    return {"kept": "in Redis", **room()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRecords:
    """`NotificationRecords` in the ledger."""

    ledger: Ledger

    async def get(self, trace_id: TraceId) -> NotificationRecord | None:
        """See `NotificationRecords.get`."""
        with _translated():
            return await self.ledger.get(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        """See `NotificationRecords.find`."""
        with _translated():
            return await self.ledger.find(query)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHistory:
    """The `History` of the ledger. `clock` is the queue's."""

    ledger: LedgerStore
    clock: BrokerClock

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """See `History.forget`."""
        with _translated():
            return await self.ledger.forget(before, limit=limit, dry_run=dry_run)

    async def overdue(self, by: timedelta) -> int:
        """See `History.overdue`."""
        with _translated():
            return await self.ledger.overdue(by)

    async def fullness(self) -> float | None:
        """See `History.fullness`."""
        with _translated():
            return await self.ledger.fullness()

    async def time(self) -> datetime:
        """See `History.time`."""
        try:
            return await self.clock.time()
        except QueueUnavailable as error:
            raise RecordsUnavailable(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFeed:
    """A `StatusFeed` of what the ledger is told."""

    ledger: Ledger

    async def position(self, after: str | None = None) -> str:
        """See `StatusFeed.position`."""
        with _translated():
            if after is None:
                return await self.ledger.latest_change()
            parse_change_id(after)
            return after

    async def changes(
        self, after: str, trace_id: TraceId | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed, None]:
        """See `StatusFeed.changes`."""
        changes = self.ledger.changes(after, trace_id=trace_id)
        try:
            with _translated():
                async for change in changes:
                    yield change
        finally:
            if isinstance(changes, AsyncGenerator):
                await changes.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except InvalidCursor as error:
        raise UnknownCursor(str(error)) from error
    except LedgerUnavailable as error:
        raise RecordsUnavailable(str(error)) from error
