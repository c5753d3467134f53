"""What the queue's worker calls for each line of webhook events: tell the endpoint, settle."""

import json
from dataclasses import dataclass

from durable_queue.port import Delivery, QueueUnavailable
from notification_contracts.webhooks import AttemptOutcome
from notification_ledger.webhooks.endpoints import Attempt, Endpoint
from notification_ledger.webhooks.port import Line, WebhooksUnavailable
from prometheus_client import CollectorRegistry, Counter, Histogram
from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from notification_dispatcher.application.tell_webhook import LineProgress, TellEndpoint

log = get_logger(__name__)


class WebhookMetrics:
    """An `AttemptCounter` for Prometheus and the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "status_webhook_attempts",
            "Attempts to tell an endpoint of an event, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "status_webhook_call_seconds", "How long endpoints took.", registry=registry
        )
        self._disabled = Counter(
            "status_webhook_disabled",
            "Endpoints that were disabled.",
            ("reason",),
            registry=registry,
        )

    def attempted(self, line: Line, attempt: Attempt) -> None:
        """See `AttemptCounter`."""
        self._attempts.labels(attempt.outcome).inc()
        self._seconds.observe(attempt.duration_ms / 1000)
        is_worrying = attempt.outcome in {AttemptOutcome.GIVEN_UP, AttemptOutcome.GONE}
        write = log.warning if is_worrying else log.info
        write(
            f"webhook.{attempt.outcome}",
            webhook=line.endpoint_id,
            webhook_id=attempt.event.id,
            trace_id=attempt.event.trace_id,
            attempt=attempt.number,
            status_code=attempt.status_code,
            error=attempt.error,
            duration_ms=attempt.duration_ms,
        )

    def disabled(self, endpoint: Endpoint) -> None:
        """See `AttemptCounter`."""
        self._disabled.labels(endpoint.disabled_for).inc()
        log.error("webhook.disabled", webhook=endpoint.id, reason=endpoint.disabled_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStage:
    """Brings each line's message to its end, or lets it wait."""

    tell: TellEndpoint

    async def handle(self, delivery: Delivery) -> None:
        """Bring one message to its end. Raises as a queue's handler may."""
        line = _line_of(delivery)
        if line is None:
            log.error("webhook.unreadable", message_id=delivery.id)
            await delivery.ack()
            return
        try:
            waits = await self.tell(line, LineProgress.decode(delivery.progress))
        except WebhooksUnavailable as error:
            raise QueueUnavailable(str(error)) from error
        await afailpoint("webhooks.before_settle")
        if waits is None:
            await delivery.ack()
        else:
            await delivery.defer(waits.delay, progress=waits.progress.encode())


def _line_of(delivery: Delivery) -> Line | None:
    try:
        said = json.loads(delivery.body)
        return Line(
            endpoint_id=str(said["endpoint"]),
            ordering_key=str(said["key"]),
            message_id=delivery.id,
        )
    except (ValueError, TypeError, KeyError):
        return None
