"""One channel's providers, in order: the next one takes over where that can help."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from service_kit.logs import get_logger

from notification_dispatcher.application.ports import Starting
from notification_dispatcher.domain.outcomes import (
    Fault,
    NotTried,
    OutgoingMessage,
    PermanentFailure,
    SendReport,
    TransientFailure,
)
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider

log = get_logger(__name__)

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverSender:
    """Sends by the first provider that can.

    The next one is asked when a provider's breaker is open, when it asked to be left alone, or when
    it failed through a fault of its own and surely has not taken the message. It is not asked when
    the recipient is at fault, nor when the outcome is uncertain: that would be asking for a
    duplicate. A provider at its limit is waited for, not passed over: the order is the operator's
    choice.
    """

    providers: Sequence[ProtectedProvider]
    patience: timedelta = timedelta(seconds=2)

    async def send(self, message: OutgoingMessage, *, starting: Starting) -> SendReport:
        """Try the providers in order, each after `starting`. Failures are outcomes."""
        await self._wait_for_any()
        reports: list[SendReport] = []
        for provider in self.providers:
            report = await provider.send(message, starting=starting)
            reports.append(report)
            if not _may_another_do_better(report):
                break
            log.info("provider.passed_over", provider=provider.name, why=_why(report))
        return _conclusion(reports)

    async def _wait_for_any(self) -> None:
        """Wait a little while all are left alone, so that a backlog stays in its queue."""
        waited = 0.0
        while not any(provider.is_admitting for provider in self.providers):
            if waited >= self.patience.total_seconds():
                return
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


def _may_another_do_better(report: SendReport) -> bool:
    match report.outcome:
        case TransientFailure(fault=fault) | PermanentFailure(fault=fault):
            return fault is Fault.PROVIDER
        case NotTried(is_resting=is_resting):
            return is_resting
        case _:
            return False


def _why(report: SendReport) -> str | None:
    return getattr(report.outcome, "reason", None)


def _conclusion(reports: Sequence[SendReport]) -> SendReport:
    """Return the answer that settles it; failing that, the failure that leaves most hope."""
    last = reports[-1]
    if not isinstance(last.outcome, NotTried) and not _may_another_do_better(last):
        return last
    untried = [report.outcome for report in reports if isinstance(report.outcome, NotTried)]
    answered = [report for report in reports if not isinstance(report.outcome, NotTried)]
    if not answered:
        return SendReport(outcome=min(untried, key=lambda outcome: outcome.retry_in))
    failed = [
        (report.outcome, report)
        for report in answered
        if isinstance(report.outcome, TransientFailure)
    ]
    if failed:
        return _first_to_ask_again(failed, untried)
    if untried:
        # Some refused for good, others were not to be had: those may yet take it.
        outcome = TransientFailure(reason=untried[0].reason, detail=untried[0].detail)
        return replace(answered[0], outcome=outcome)
    return answered[0]


def _first_to_ask_again(
    failed: Sequence[tuple[TransientFailure, SendReport]], untried: Sequence[NotTried]
) -> SendReport:
    """Return a failure that leaves the time to the schedule; failing that, the shortest wait."""
    waits = [outcome.retry_in for outcome in untried]
    for outcome, report in failed:
        if outcome.provider_asks_to_wait is None:
            return report
        waits.append(outcome.provider_asks_to_wait)
    outcome, report = failed[0]
    return replace(report, outcome=replace(outcome, retry_after=min(waits)))
