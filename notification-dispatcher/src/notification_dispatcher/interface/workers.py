"""What this process works on: a worker for validation, one for each channel, and the upkeep."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from durable_queue.metrics import QueueMetrics
from durable_queue.port import OnAmbiguous, Queue
from durable_queue.upkeep import Auditor, Ticker
from durable_queue.worker import Handle, HandleClaim, Isolation, Worker, one_by_one
from notification_contracts.channels import ChannelName
from notification_contracts.lanes import (
    DELIVERY,
    VALIDATION,
    WEBHOOKS,
    all_lanes,
    delivery_lanes,
    validation_lanes,
)
from notification_ledger.channel_pauses import ChannelPauses
from prometheus_client import CollectorRegistry
from service_kit.lifecycle import NamedLoop

from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.interface.channel_pauses import FollowChannelPauses
from notification_dispatcher.interface.metrics import StageMetrics
from notification_dispatcher.interface.settlement import Stage
from notification_dispatcher.interface.stages import (
    DeliveryStage,
    Go,
    StageHandler,
    ValidationStage,
)

# What may come before and after a send that a stop has to wait for: a look-up, waiting for room at
# the provider, settling; and handing back what was not begun.
AROUND_A_SEND = timedelta(seconds=8)

# Measured: what a notification in flight consists of.
OBJECTS_EACH = 100

# Less than the shortest wait before an event is posted again: that one is not late.
WHEN_NO_WEBHOOK_WAITS = timedelta(seconds=4)


def grace_after(slowest_provider: timedelta) -> timedelta:
    """Return how long a worker that is to stop may need: no send that has begun is cut off."""
    return slowest_provider + AROUND_A_SEND


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How workers work.

    `concurrency` is how many notifications each handles at once, `calls_at_once` how many calls the
    providers of a channel may take, `lease` the queue's, `grace` how long they may take to stop,
    `longest_version_wait` how long one of an unknown version waits.
    """

    concurrency: int
    calls_at_once: Mapping[ChannelName, int]
    lease: timedelta
    grace: timedelta
    longest_version_wait: timedelta

    @property
    def objects_in_use(self) -> int:
        """How many objects those in flight are: so many at once are no garbage."""
        return OBJECTS_EACH * self.concurrency

    def concurrency_on(self, channel: ChannelName | None) -> int:
        """Return how many a worker handles at once; `channel` is None for what calls no provider.

        A few more than the providers may be given, which get ready meanwhile: the rest waits in its
        queue, where others may take it and what is urgent overtakes it.
        """
        if channel is None:
            return self.concurrency
        calls = self.calls_at_once[channel]
        return min(self.concurrency, calls + calls // 4 + 1)


class Workers:
    """The workers of this process, each with lanes of its own: no channel delays another."""

    def __init__(
        self,
        queue: Queue,
        pauses: ChannelPauses,
        find_contacts: FindContacts,
        registry: CollectorRegistry,
        options: WorkerOptions,
    ) -> None:
        self.by_stage: dict[str, Worker] = {}
        self._by_channel: dict[ChannelName, Worker] = {}
        self._deliveries: dict[ChannelName, DeliveryStage] = {}
        self._find_contacts = find_contacts
        self._channel_pauses = FollowChannelPauses(pauses, self._by_channel, queue, registry)
        self._queue = queue
        self._options = options
        self._stage_metrics = StageMetrics(registry)
        self._queue_metrics = QueueMetrics(registry)
        self._isolation = Isolation()
        self._webhook_queue: Queue | None = None

    def validate(self) -> None:
        """Work on validation."""
        stage = self._stage(VALIDATION)
        go = ValidationStage(deliveries=self._deliveries).go
        self._add(stage, go, validation_lanes())

    def deliver(self, channel: ChannelName, deliver: DeliverNotification) -> None:
        """Work on the delivery of one channel, once its worker is resumed."""
        stage = self._stage(f"{DELIVERY}.{channel}", channel, holds=channel in deliver.holds)
        delivery = DeliveryStage(stage=stage, channel=channel, deliver=deliver)
        delivery.worker = self._add(stage, delivery.go, delivery_lanes(channel))
        self._by_channel[channel], self._deliveries[channel] = delivery.worker, delivery

    def tell_webhooks(self, queue: Queue, handle: Handle) -> None:
        """Tell webhooks of events. What is suspect among these holds up no notification."""
        self._webhook_queue = queue
        self.by_stage[WEBHOOKS] = self._worker(
            queue, WEBHOOKS, (WEBHOOKS,), one_by_one(handle), isolation=Isolation()
        )

    def loops(self) -> list[NamedLoop]:
        """List what runs as long as the process: workers, what pauses them, and the upkeep.

        The upkeep is for the lanes of other processes, too: it must go on while they are down.
        """
        workers = [(name, worker.run) for name, worker in self.by_stage.items()]
        upkeep = self._upkeep(self._queue, all_lanes())
        if self._webhook_queue:
            upkeep += self._upkeep(
                self._webhook_queue, (WEBHOOKS,), of="webhooks' ", when_empty=WHEN_NO_WEBHOOK_WAITS
            )
        return [*workers, *upkeep, ("channel pauses", self._channel_pauses.run)]

    def _upkeep(
        self,
        queue: Queue,
        lanes: Sequence[str],
        *,
        of: str = "",
        when_empty: timedelta = timedelta(0),
    ) -> list[NamedLoop]:
        ticker = Ticker(queue, lanes, when_empty=when_empty, metrics=self._queue_metrics)
        auditor = Auditor(queue, metrics=self._queue_metrics)
        return [(f"{of}ticker", ticker.run), (f"{of}auditor", auditor.run)]

    def _stage(
        self, name: str, channel: ChannelName | None = None, *, holds: bool = False
    ) -> Stage:
        return Stage(
            name=name,
            channel=channel,
            on_ambiguous=OnAmbiguous.HOLD if holds else OnAmbiguous.RESEND,
            metrics=self._stage_metrics,
        )

    def _add(self, stage: Stage, go: Go, lanes: Sequence[str]) -> Worker:
        handler = StageHandler(
            stage=stage,
            find_contacts=self._find_contacts,
            go=go,
            random=random.random,
            longest_version_wait=self._options.longest_version_wait,
        )
        worker = self.by_stage[stage.name] = self._worker(
            self._queue,
            stage.name,
            lanes,
            handler.handle,
            isolation=self._isolation,
            channel=stage.channel,
            onward=self._by_channel.values() if stage.channel is None else (),
        )
        return worker

    def _worker(
        self,
        queue: Queue,
        name: str,
        lanes: Sequence[str],
        handle: HandleClaim,
        *,
        isolation: Isolation,
        channel: ChannelName | None = None,
        onward: Collection[Worker] = (),
    ) -> Worker:
        return Worker(
            queue,
            lanes,
            handle,
            name=name,
            concurrency=self._options.concurrency_on(channel),
            lease=self._options.lease,
            grace=self._options.grace,
            metrics=self._queue_metrics,
            isolation=isolation,
            is_paused=channel is not None,
            onward=onward,
        )
