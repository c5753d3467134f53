"""Tells the user-service what sends taught about addresses: gathered, and off every send's path."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_providers.port import AddressReport
from service_kit.lifecycle import Stopping
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import HealthReportsUnavailable
from notification_dispatcher.infrastructure.contacts.health_reports import HttpHealthReports, Told

log = get_logger(__name__)

MAX_BATCH: Final = 200
MANY_USES: Final = 10 * MAX_BATCH
MAX_WAITING: Final = 10_000
EVERY: Final = timedelta(seconds=1)
USES_EVERY: Final = timedelta(seconds=10)
AFTER_FAILURE: Final = timedelta(seconds=10)


_Key = tuple[ChannelName, str, ReportKind]
_Learnt = tuple[AddressReport | datetime, str, str]
"""A report, or when an address was used; by which provider, and about which notification."""
_Waiting = dict[_Key, _Learnt]


@dataclass(slots=True, kw_only=True)
class GatheredAddressReports:
    """Posts what was learnt once a second, and who was used every ten; `run` is its loop.

    As soon as `MAX_BATCH` wait, or `MANY_USES`, they are posted at once. The latest
    report of a kind stands for those before it, so an address that is used often costs little. What
    can't be told is dropped: an address that is gone is found to be so by the next send, and is
    reported again.
    """

    health: HttpHealthReports
    every: timedelta = EVERY
    uses_every: timedelta = USES_EVERY
    after_failure: timedelta = AFTER_FAILURE
    _learnt: _Waiting = field(default_factory=dict, init=False)
    _uses: _Waiting = field(default_factory=dict, init=False)
    _is_full: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def tell_used(
        self, channel: ChannelName, address: str, *, provider: str, trace_id: str
    ) -> None:
        """See `AddressReports`."""
        used = (self.health.now(), provider, trace_id)
        self._add(self._uses, (channel, address, ReportKind.USED), used, at_most=MANY_USES)

    def tell(self, report: AddressReport, *, provider: str, trace_id: str) -> None:
        """See `AddressReports`."""
        key, learnt = (report.channel, report.address, report.kind), (report, provider, trace_id)
        self._add(self._learnt, key, learnt, at_most=MAX_BATCH)

    async def run(self, stopping: Stopping) -> None:
        """Post until the process stops, and then what is left."""
        loop = asyncio.get_running_loop()
        uses_are_due_at = loop.time() + self.uses_every.total_seconds()
        while not stopping.is_set():
            await _first_of(stopping.wait(), self._is_full.wait(), within=self.every)
            is_told = await self._post(self._learnt)
            if len(self._uses) >= MANY_USES or loop.time() >= uses_are_due_at:
                uses_are_due_at = loop.time() + self.uses_every.total_seconds()
                is_told = is_told and await self._post(self._uses)
            if not is_told:
                await _first_of(stopping.wait(), within=self.after_failure)
        if await self._post(self._learnt):
            await self._post(self._uses)

    def _add(self, waiting: _Waiting, key: _Key, learnt: _Learnt, *, at_most: int) -> None:
        if len(waiting) >= MAX_WAITING:
            return
        waiting[key] = learnt
        if len(waiting) >= at_most:
            self._is_full.set()

    async def _post(self, waiting: _Waiting) -> bool:
        """Tell all that wait, the oldest ones first; false if that failed."""
        self._is_full.clear()
        while waiting:
            batch = {key: waiting.pop(key) for key in list(waiting)[:MAX_BATCH]}
            try:
                await self.health.report_all([_told(*each) for each in batch.items()])
            except HealthReportsUnavailable as error:
                # That an address was used is said again by the next send, and is no loss.
                lost = sum(kind is not ReportKind.USED for _, _, kind in batch)
                write = log.warning if lost else log.info
                used = len(batch) - lost
                write("address_reports.not_told", lost=lost, used=used, error=str(error))
                return False
        return True


def _told(key: _Key, learnt: _Learnt) -> Told:
    (channel, address, kind), (report, provider, trace_id) = key, learnt
    if isinstance(report, datetime):
        report = AddressReport(channel=channel, kind=kind, address=address, at=report)
    return report, provider, trace_id


async def _first_of(*awaited: Coroutine[Any, Any, object], within: timedelta) -> None:
    """Wait until one of them comes, but not longer than that."""
    tasks = [asyncio.create_task(each) for each in awaited]
    await asyncio.wait(tasks, timeout=within.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
