"""What is logged and counted about each notification that a stage has handled."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from durable_queue.port import ClaimEnded, MessageExpired
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from prometheus_client import CollectorRegistry, Counter, Histogram
from service_kit.logs import get_logger

from notification_dispatcher.domain.outcomes import Trial
from notification_dispatcher.domain.verdicts import (
    Abandoned,
    Deferred,
    Delivered,
    Forwarded,
    Retried,
    Verdict,
)

log = get_logger(__name__)

_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line in the log, one count: where a notification went from here."""

    event: str
    verdict: str
    channel: ChannelName | None = None
    reason: Reason | None = None
    delay: timedelta | None = None
    trial: Trial | None = None
    is_worrying: bool = False

    def write(self, **fields: str | int | float) -> None:
        """Write the line. Neither addresses nor texts are ever in it, so details are not."""
        if self.channel is not None:
            fields["channel"] = self.channel
        if self.reason is not None:
            fields["reason"] = self.reason.value
        if self.delay is not None:
            fields["delay_s"] = round(self.delay.total_seconds(), 1)
        if self.trial is not None:
            fields["provider"] = self.trial.provider
            fields["send_ms"] = milliseconds(self.trial.duration)
        write = log.warning if self.is_worrying else log.info
        write(self.event, **fields)


class StageMetrics:
    """How many notifications each stage has handled, with which verdict, and how long it took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter(
            "dispatcher_notifications_total",
            "Notifications handled, by what became of them.",
            ("stage", "verdict", "reason"),
            registry=registry,
        )
        self._seconds = Histogram(
            "dispatcher_handling_seconds",
            "Time from a notification's receipt from the queue to its verdict's settlement.",
            ("stage",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._children: dict[tuple[str, str, str], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def count(self, stage: str, report: Report, seconds: float) -> None:
        """Count one notification."""
        key = (stage, report.verdict, report.reason or "")
        # `labels()` takes a lock and builds a tuple of strings, for each notification.
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._handled.labels(*key)
            self._timers.setdefault(stage, self._seconds.labels(stage))
        child.inc()
        self._timers[stage].observe(seconds)


def report_of(verdict: Verdict, channel: ChannelName | None) -> Report:
    """Describe a verdict; `channel` is the stage's own."""
    match verdict:
        case Forwarded(channel=chosen):
            return Report(event="notification.validated", verdict="forwarded", channel=chosen)
        case Delivered(trial=trial):
            return Report(
                event="notification.sent", verdict="delivered", channel=channel, trial=trial
            )
        case Deferred(reason=reason, delay=delay, trial=trial):
            return Report(
                event="notification.deferred",
                verdict="deferred",
                channel=channel,
                reason=reason,
                delay=delay,
                trial=trial,
            )
        case Retried(reason=reason, delay=delay, trial=trial):
            return Report(
                event="notification.retrying",
                verdict="retried",
                channel=channel,
                reason=reason,
                delay=delay,
                trial=trial,
            )
        case Abandoned(reason=reason, trial=trial):
            return Report(
                event="notification.failed",
                verdict="abandoned",
                channel=channel,
                reason=reason,
                trial=trial,
                is_worrying=True,
            )
        case never:
            assert_never(never)


def report_of_end(ended: ClaimEnded, channel: ChannelName | None) -> Report:
    """Describe a claim that ended before its verdict was settled."""
    if isinstance(ended, MessageExpired):
        return Report(event="notification.expired", verdict="expired", channel=channel)
    # Cancelled meanwhile, or another worker's by now; that the upkeep warns of.
    return Report(event="notification.claim_lost", verdict="claim_lost", channel=channel)


def milliseconds(duration: timedelta) -> float:
    """Return the duration as logs and timelines have it."""
    return round(duration / timedelta(milliseconds=1), 1)
