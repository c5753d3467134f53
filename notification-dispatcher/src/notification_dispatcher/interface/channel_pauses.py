"""Channels that an operator has paused: this process takes nothing up for them."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from durable_queue.backoff import Outage, jittered
from durable_queue.port import QueueUnavailable, QueueUpkeep
from durable_queue.worker import Worker
from notification_contracts.channels import ChannelName
from notification_contracts.lanes import delivery_lanes
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.reading import LedgerUnavailable
from prometheus_client import CollectorRegistry, Counter, Gauge
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

log = get_logger(__name__)

_EVERY_S: Final = 2.0


class FollowChannelPauses:
    """Asks every other second which channels are paused, and has their workers rest.

    Workers begin at rest, until it is known for the first time: a restart sends nothing on a paused
    channel. While the store can't be reached, what was known last counts. What expires in the lanes
    of a paused channel is ended meanwhile.
    """

    def __init__(
        self,
        pauses: ChannelPauses,
        workers: Mapping[ChannelName, Worker],
        upkeep: QueueUpkeep,
        registry: CollectorRegistry,
    ) -> None:
        self._pauses = pauses
        self._workers = workers
        self._upkeep = upkeep
        self._outage = Outage("channel pauses")
        self._known: frozenset[ChannelName] = frozenset()
        self._gauge = Gauge(
            "dispatcher_channel_paused",
            "Whether an operator has paused the channel.",
            ["channel"],
            registry=registry,
        )
        self._expired = Counter(
            "dispatcher_expired_while_paused",
            "Notifications that expired in the lanes of a paused channel.",
            ["channel"],
            registry=registry,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping` is set."""
        pause_s = 0.0
        while not await pause(stopping, jittered(pause_s)):
            pause_s = _EVERY_S
            try:
                paused = await self._pauses.paused()
                self._apply(paused)
                for channel in paused:
                    await self._end_what_expires(channel)
            except (LedgerUnavailable, QueueUnavailable) as error:
                self._outage.failed(error)
            else:
                self._outage.over()

    def _apply(self, paused: Collection[ChannelName]) -> None:
        for channel, worker in self._workers.items():
            self._gauge.labels(channel).set(channel in paused)
            if channel in paused:
                worker.pause()
            else:
                worker.resume()
        known, self._known = self._known, frozenset(paused)
        for channel in self._known - known:
            log.warning("channel.paused", channel=channel)
        for channel in known - self._known:
            log.info("channel.resumed", channel=channel)

    async def _end_what_expires(self, channel: ChannelName) -> None:
        expired = await self._upkeep.expire(delivery_lanes(channel))
        self._expired.labels(channel).inc(expired)
