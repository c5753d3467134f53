"""Tells webhooks when dead letters pile up."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from durable_queue.backoff import jittered
from notification_contracts.states import Status
from notification_contracts.webhooks import EventKind
from notification_ledger.reading import LedgerReader, LedgerUnavailable
from notification_ledger.webhooks.port import WebhooksUnavailable
from notification_ledger.webhooks.telling import TellOperators
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

log = get_logger(__name__)

WINDOW: Final = timedelta(minutes=10)
_EVERY_S: Final = 15.0


class DeadLetterAlarm:
    """Counts dead letters again and again; `limit` more within `WINDOW` are too many.

    Of several publishers, one tells of it.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        tell: TellOperators,
        *,
        limit: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._tell = tell
        self._limit = limit
        self._monotonic = monotonic
        self._counts: deque[tuple[float, int]] = deque()

    async def run(self, stopping: asyncio.Event) -> None:
        """Count until `stopping` is set."""
        wait_s = 0.0
        while not await pause(stopping, wait_s):
            wait_s = jittered(_EVERY_S)
            try:
                await self.look()
            except (LedgerUnavailable, WebhooksUnavailable):
                continue  # readiness says so

    async def look(self) -> None:
        """Count once. Raises `LedgerUnavailable` and `WebhooksUnavailable`."""
        now = self._monotonic()
        count = (await self._ledger.count_by_status()).get(Status.FAILED, 0)
        while self._counts and now - self._counts[0][0] > WINDOW.total_seconds():
            self._counts.popleft()
        more = count - min((each for _, each in self._counts), default=count)
        self._counts.append((now, count))
        if more < self._limit:
            return
        log.warning("dead_letters.piled_up", dead=count, more=more)
        data = {"dead": count, "more": more, "within_seconds": int(WINDOW.total_seconds())}
        kind = EventKind.DEAD_LETTERS_PILED_UP
        await self._tell(kind, data, datetime.now(UTC), subject="all")
        self._counts.clear()
        self._counts.append((now, count))
