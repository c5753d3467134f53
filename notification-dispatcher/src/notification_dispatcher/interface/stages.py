"""What a queue's worker calls for each notification: decode it, decide, settle, log, count."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from durable_queue.port import ClaimEnded, Delivery, OnAmbiguous
from notification_contracts.channels import ChannelName
from notification_contracts.codec import UndecodableEvent, UnsupportedVersion, decode
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason
from service_kit.logs import bind_contextvars

from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.validate_notification import ValidateNotification
from notification_dispatcher.domain.retries import jittered
from notification_dispatcher.domain.verdicts import Deferred, Failed, Verdict
from notification_dispatcher.interface.metrics import StageMetrics
from notification_dispatcher.interface.settlement import Settlement, StageDelivery

VERSION_WAIT = timedelta(minutes=10)

Decide = Callable[[NotificationRequested, StageDelivery], Awaitable[Verdict]]
"""A stage's own part: what becomes of a notification. The delivery is there for its `start`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHandler:
    """Brings each message of a stage to its end, with one line in the log and one count.

    `channel` is None for validation. An event of a version that is not known waits for a dispatcher
    that knows it, for `longest_version_wait` at most.
    """

    name: str
    decide: Decide
    metrics: StageMetrics
    random: Callable[[], float]
    channel: ChannelName | None
    on_ambiguous: OnAmbiguous
    longest_version_wait: timedelta

    async def handle(self, delivery: Delivery) -> None:
        """Bring one delivery to its end.

        Raises:
            ClaimEnded: it is another worker's, was cancelled, or has expired.
            QueueUnavailable: what was decided could not be written down.
        """
        started = time.perf_counter()
        in_stage = StageDelivery(
            delivery=delivery, channel=self.channel, on_ambiguous=self.on_ambiguous
        )
        # For good: a worker handles each delivery in a task, so in a context, of its own.
        bind_contextvars(trace_id=delivery.id)
        try:
            event = self._decoded(delivery)
            if isinstance(event, NotificationRequested):
                in_stage = replace(in_stage, event=event)
                if event.request_id is not None:
                    bind_contextvars(request_id=event.request_id)
                settlement = in_stage.settlement(await self.decide(event, in_stage))
            else:
                settlement = in_stage.settlement(event)
            await settlement.move()
        except ClaimEnded as ended:
            self._conclude(in_stage.settlement(ended), delivery, started)
            raise
        self._conclude(settlement, delivery, started)

    def _conclude(self, settlement: Settlement, delivery: Delivery, started: float) -> None:
        seconds = time.perf_counter() - started
        self.metrics.count(self.name, settlement.name, settlement.reason or "", seconds)
        settlement.log(
            stage=self.name, attempt=delivery.attempt, duration_ms=round(seconds * 1000, 1)
        )

    def _decoded(self, delivery: Delivery) -> NotificationRequested | Deferred | Failed:
        try:
            return decode(delivery.body)
        except UndecodableEvent as error:
            return Failed(reason=Reason.UNDECODABLE, detail=str(error))
        except UnsupportedVersion as error:
            reason, detail = Reason.UNSUPPORTED_VERSION, str(error)
            wait = min(VERSION_WAIT, self.longest_version_wait)
            if delivery.deferrals * wait >= self.longest_version_wait:
                return Failed(reason=reason, detail=detail)
            return Deferred(delay=jittered(wait, self.random()), reason=reason, detail=detail)


def validation(validate: ValidateNotification) -> Decide:
    """Make the validation stage's part."""

    async def decide(event: NotificationRequested, in_stage: StageDelivery) -> Verdict:
        return await validate(event, deferrals=in_stage.delivery.deferrals)

    return decide


def delivery_on(channel: ChannelName, deliver: DeliverNotification) -> Decide:
    """Make one channel's part of the delivery stage."""

    async def decide(event: NotificationRequested, in_stage: StageDelivery) -> Verdict:
        delivery = in_stage.delivery
        attempt = DeliveryAttempt(
            trace_id=delivery.id,
            channel=channel,
            number=delivery.attempt,
            limit=delivery.max_attempts,
            deferrals=delivery.deferrals,
            expires_at=delivery.expires_at,
            progress=delivery.progress,
        )
        return await deliver(event, attempt, on_start=in_stage.start)

    return decide
