"""Tells webhooks what operators should know, off the path of sends."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from notification_contracts.address_reports import ReportKind
from notification_contracts.webhooks import EventKind
from notification_ledger.webhooks.port import WebhooksUnavailable
from notification_ledger.webhooks.telling import TellOperators
from service_kit.lifecycle import Stopping
from service_kit.logs import get_logger

log = get_logger(__name__)

_MAX_WAITING: Final = 1_000
_DROPPED: Final = frozenset({"suppressed", "removed"})
"""What the user-service calls an address that is not sent to any more."""
_NO_DROP: Final = frozenset({ReportKind.USED, ReportKind.OPT_IN})
_SAID: Final = ("channel", "kind", "reason", "provider", "trace_id")


@dataclass(frozen=True, slots=True)
class _Notice:
    kind: EventKind
    subject: str
    data: Mapping[str, object]
    at: datetime


@dataclass(slots=True, kw_only=True)
class OperatorNotices:
    """Gathers what happened; `run` is the loop that tells of it.

    What can't be told is logged and dropped: the breaker, the address and the log say it, too.
    """

    tell: TellOperators
    now: Callable[[], datetime]
    _waiting: deque[_Notice] = field(default_factory=lambda: deque(maxlen=_MAX_WAITING), init=False)
    _has_news: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def breaker_opened(self, channel: str, provider: str, reason: str | None) -> None:
        """Note that a provider gets no call for now."""
        data = {"channel": channel, "provider": provider, "reason": reason}
        self._add(EventKind.BREAKER_OPENED, f"{channel}.{provider}", data)

    def address_reported(self, report: Mapping[str, object], health: str) -> None:
        """Note an address that is not sent to any more; the event does not name it."""
        if health in _DROPPED and report["kind"] not in _NO_DROP:
            subject = f"{report['channel']} {report['address']}"
            data = {name: report[name] for name in _SAID} | {"health": health}
            self._add(EventKind.ADDRESS_HEALTH_DROPPED, subject, data)

    async def run(self, stopping: Stopping) -> None:
        """Tell until the process stops."""
        while not stopping.is_set():
            waits = [asyncio.ensure_future(each.wait()) for each in (self._has_news, stopping)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
            self._has_news.clear()
            while self._waiting:
                await self._told(self._waiting.popleft())

    async def _told(self, notice: _Notice) -> None:
        try:
            await self.tell(notice.kind, notice.data, notice.at, subject=notice.subject)
        except WebhooksUnavailable as error:
            log.warning("webhook.not_told", kind=notice.kind, error=str(error))

    def _add(self, kind: EventKind, subject: str, data: Mapping[str, object]) -> None:
        self._waiting.append(_Notice(kind, subject, data, self.now()))
        self._has_news.set()
