"""The loop that follows status changes for webhooks: in one publisher at a time."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from durable_queue.backoff import Outage, jittered
from durable_queue.port import QueueError
from notification_contracts.lanes import WEBHOOKS
from notification_ledger.reading import (
    ChangesMissed,
    LedgerReader,
    LedgerUnavailable,
    StatusChange,
)
from notification_ledger.webhooks.endpoints import Endpoint
from notification_ledger.webhooks.opening import WebhookParts
from notification_ledger.webhooks.port import FollowerReplaced, WebhooksUnavailable
from notification_ledger.webhooks.telling import TellOperators
from prometheus_client import CollectorRegistry, Counter
from service_kit.failpoints import afailpoint
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

from notification_publisher.application.follow_changes import BATCH, FollowChanges
from notification_publisher.application.webhook_lines import SendLines

log = get_logger(__name__)

LEASE: Final = timedelta(seconds=5)
"""How long a follower that is silent is waited for."""

_EVERY_S: Final = 1.0

Feed = AsyncGenerator[StatusChange | ChangesMissed, None]


class WebhookFollower:
    """Follows while there are endpoints that want it; else it asks the store once a second."""

    def __init__(
        self, parts: WebhookParts, ledger: LedgerReader, registry: CollectorRegistry
    ) -> None:
        self._store = parts.store
        self._ledger = ledger
        self._token = secrets.token_hex(8)
        self._changes = FollowChanges(store=parts.store, ledger=ledger, token=self._token)
        self._send_lines = SendLines(lines=parts.store, queue=parts.queue, lane=WEBHOOKS)
        self._tell = TellOperators(store=parts.store)
        self._renewed_at = 0.0
        self._outage = Outage("webhooks: follow changes")
        self._disabled = Counter(
            "webhook_backlogs_full",
            "Webhooks that were disabled since too many events waited for them.",
            registry=registry,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping` is set, or look whether there is something to follow for."""
        try:
            wait_s = 0.0
            while not await pause(stopping, wait_s):
                wait_s = await self._round(stopping)
        finally:
            await self._let_go()

    async def _round(self, stopping: asyncio.Event) -> float:
        """Return the seconds until the next round."""
        try:
            if await self._changes.endpoints():
                await self._send_lines()
                if await self._changes.followers() and await self._acquire():
                    await self._follow(stopping)
        except FollowerReplaced:
            log.info("webhooks.follower_replaced")
        except (WebhooksUnavailable, LedgerUnavailable, QueueError) as error:
            return self._outage.failed(error)
        self._outage.over()
        return jittered(_EVERY_S)

    async def _follow(self, stopping: asyncio.Event) -> None:
        position = await self._changes.position(await self._changes.followers())
        log.info("webhooks.following", after=position)
        async with aclosing(_Batches(self._ledger.changes(position))) as batches:
            while not stopping.is_set() and await self._changes.followers():
                batch, is_cut = await batches.next(wait_s=_EVERY_S)
                await self._renew()
                if batch:
                    await afailpoint("webhooks.before_append")
                    await self._note(await self._changes.put(batch))
                    position = batch[-1].id
                    await afailpoint("webhooks.after_append")
                if is_cut:
                    await self._recover(position)
                    return
                await self._send_lines()

    async def _recover(self, position: str) -> None:
        log.warning("webhooks.changes_missed", after=position)
        count, disabled = await self._changes.recover(position, self._renew)
        log.info("webhooks.changes_recovered", changes=count)
        await self._note(disabled)

    async def _note(self, disabled: Sequence[Endpoint]) -> None:
        for endpoint in disabled:
            log.error("webhook.disabled", webhook=endpoint.id, reason=endpoint.disabled_for)
            self._disabled.inc()
            await self._tell.disabled(endpoint, datetime.now(UTC))

    async def _acquire(self) -> bool:
        self._renewed_at = time.monotonic()
        return await self._store.acquire(self._token, LEASE)

    async def _renew(self) -> None:
        is_due = time.monotonic() - self._renewed_at > LEASE.total_seconds() / 4
        if is_due and not await self._acquire():
            raise FollowerReplaced("another process follows the changes")

    async def _let_go(self) -> None:
        try:
            await self._store.release(self._token)
        except WebhooksUnavailable:
            return  # another waits until the lease is over


class _Batches:
    """Takes changes from a feed by batches: what has come, and no waiting for more."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._coming: asyncio.Future[StatusChange | ChangesMissed] | None = None

    async def next(self, *, wait_s: float) -> tuple[Sequence[StatusChange], bool]:
        """Return changes, none if none came in time; and whether some are missing after them."""
        found: list[StatusChange] = []
        while len(found) < BATCH:
            coming = self._coming = self._coming or asyncio.ensure_future(anext(self._feed))
            await asyncio.wait({coming}, timeout=0 if found else wait_s)
            if not coming.done():
                break
            self._coming = None
            change = coming.result()
            if isinstance(change, ChangesMissed):
                return found, True
            found.append(change)
        return found, False

    async def aclose(self) -> None:
        """Stop following."""
        if self._coming:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        await self._feed.aclose()
