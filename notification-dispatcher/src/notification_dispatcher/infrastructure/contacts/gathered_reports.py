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
MAX_WAITING: Final = 10_000
EVERY: Final = timedelta(seconds=1)
AFTER_FAILURE: Final = timedelta(seconds=10)


_Key = tuple[ChannelName, str, ReportKind]
_Learnt = tuple[AddressReport | datetime, str, str]
"""A report, or when an address was used; by which provider, and about which notification."""


@dataclass(slots=True, kw_only=True)
class GatheredAddressReports:
    """Posts once a second, or as soon as there are `MAX_BATCH`; `run` is its loop.

    The latest report of a kind stands for those before it. What can't be told is dropped: an
    address that is gone is found to be so by the next send, and is reported again.
    """

    health: HttpHealthReports
    every: timedelta = EVERY
    after_failure: timedelta = AFTER_FAILURE
    _waiting: dict[_Key, _Learnt] = field(default_factory=dict, init=False)
    _is_full: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def tell_used(
        self, channel: ChannelName, address: str, *, provider: str, trace_id: str
    ) -> None:
        """See `AddressReports`."""
        self._add((channel, address, ReportKind.USED), (self.health.now(), provider, trace_id))

    def tell(self, report: AddressReport, *, provider: str, trace_id: str) -> None:
        """See `AddressReports`."""
        self._add((report.channel, report.address, report.kind), (report, provider, trace_id))

    def _add(self, key: _Key, learnt: _Learnt) -> None:
        if len(self._waiting) >= MAX_WAITING:
            return
        self._waiting[key] = learnt
        if len(self._waiting) >= MAX_BATCH:
            self._is_full.set()

    async def run(self, stopping: Stopping) -> None:
        """Post until the process stops, and then what is left."""
        while not stopping.is_set():
            await _first_of(stopping.wait(), self._is_full.wait(), within=self.every)
            if not await self._post():
                await _first_of(stopping.wait(), within=self.after_failure)
        await self._post()

    async def _post(self) -> bool:
        """Tell the oldest ones; false if that failed."""
        batch = {key: self._waiting.pop(key) for key in list(self._waiting)[:MAX_BATCH]}
        if len(self._waiting) < MAX_BATCH:
            self._is_full.clear()
        if not batch:
            return True
        try:
            await self.health.report_all([_told(*each) for each in batch.items()])
        except HealthReportsUnavailable as error:
            # That an address was used is said again by the next send, and is no loss.
            lost = sum(kind is not ReportKind.USED for _, _, kind in batch)
            write = log.warning if lost else log.info
            write("address_reports.not_told", lost=lost, used=len(batch) - lost, error=str(error))
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
