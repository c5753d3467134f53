"""From a delivery to a verdict and back: what the queue's workers call for each notification."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from durable_queue.port import ClaimEnded, Delivery, OnAmbiguous
from notification_contracts.channels import ChannelName
from notification_contracts.codec import UndecodableEvent, UnsupportedVersion, decode
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason
from service_kit.logs import bind_contextvars

from notification_dispatcher.application.deliver_notification import (
    Assignment,
    DeliverNotification,
)
from notification_dispatcher.application.validate_notification import ValidateNotification
from notification_dispatcher.domain.retries import Tries, jittered
from notification_dispatcher.domain.verdicts import Abandoned, Deferred, Verdict
from notification_dispatcher.interface.reports import Report, StageMetrics, report_of, report_of_end
from notification_dispatcher.interface.settlement import Settlement

VERSION_WAIT = timedelta(minutes=10)
VERSION_PATIENCE = timedelta(days=1)

Decide = Callable[[NotificationRequested, Settlement], Awaitable[Verdict]]
"""A stage's own part: what becomes of a notification. The settlement is there for its `start`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Decodes, decides, settles, and writes one line to the log for each notification.

    `channel` is None for validation. An event of a version that is not known waits for a dispatcher
    that knows it, for `version_patience` at most.
    """

    name: str
    decide: Decide
    metrics: StageMetrics
    random: Callable[[], float]
    channel: ChannelName | None = None
    on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND
    version_patience: timedelta = VERSION_PATIENCE

    async def handle(self, delivery: Delivery) -> None:
        """Bring one delivery to its end.

        Raises:
            ClaimEnded: it is another worker's, was cancelled, or has expired.
            QueueUnavailable: what was decided could not be written down.
        """
        started = time.perf_counter()
        event = self._decoded(delivery)
        settlement = Settlement(
            delivery=delivery,
            channel=self.channel,
            event=_known(event),
            on_ambiguous=self.on_ambiguous,
        )
        # For good: a worker handles each delivery in a task, so in a context, of its own.
        bind_contextvars(**_context(settlement))
        try:
            verdict = await self._verdict(event, settlement)
            await settlement.settle(verdict)
        except ClaimEnded as ended:
            self._conclude(report_of_end(ended, self.channel), delivery, started)
            raise
        self._conclude(report_of(verdict, self.channel), delivery, started)

    def _conclude(self, report: Report, delivery: Delivery, started: float) -> None:
        seconds = time.perf_counter() - started
        self.metrics.count(self.name, report, seconds)
        report.write(
            stage=self.name, attempt=delivery.attempt, duration_ms=round(seconds * 1000, 1)
        )

    async def _verdict(
        self, event: NotificationRequested | Verdict, settlement: Settlement
    ) -> Verdict:
        if isinstance(event, NotificationRequested):
            return await self.decide(event, settlement)
        return event

    def _decoded(self, delivery: Delivery) -> NotificationRequested | Deferred | Abandoned:
        try:
            return decode(delivery.body)
        except UndecodableEvent as error:
            return Abandoned(reason=Reason.UNDECODABLE, detail=str(error))
        except UnsupportedVersion as error:
            reason, detail = Reason.UNSUPPORTED_VERSION, str(error)
            wait = min(VERSION_WAIT, self.version_patience)
            if delivery.deferrals * wait >= self.version_patience:
                return Abandoned(reason=reason, detail=detail)
            return Deferred(delay=jittered(wait, self.random()), reason=reason, detail=detail)


def validation(validate: ValidateNotification) -> Decide:
    """Make the validation stage's part."""

    async def decide(event: NotificationRequested, settlement: Settlement) -> Verdict:
        return await validate(event, deferrals=settlement.delivery.deferrals)

    return decide


def delivery_on(channel: ChannelName, deliver: DeliverNotification) -> Decide:
    """Make one channel's part of the delivery stage."""

    async def decide(event: NotificationRequested, settlement: Settlement) -> Verdict:
        delivery = settlement.delivery
        assignment = Assignment(
            trace_id=delivery.id,
            channel=channel,
            tries=Tries(number=delivery.attempt, limit=delivery.max_attempts),
            deferrals=delivery.deferrals,
        )
        return await deliver(event, assignment, starting=settlement.start)

    return decide


def _known(event: NotificationRequested | Verdict) -> NotificationRequested | None:
    return event if isinstance(event, NotificationRequested) else None


def _context(settlement: Settlement) -> dict[str, str]:
    """What every line of the log that is written underneath shall hold."""
    context = {"trace_id": settlement.delivery.id}
    if settlement.event is not None and settlement.event.request_id is not None:
        context["request_id"] = settlement.event.request_id
    return context
