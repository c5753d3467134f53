"""One channel's providers, in order: the next one takes over where that can help."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notification_contracts.states import Reason
from notification_providers.port import (
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import OnStart
from notification_dispatcher.domain.sending import NotTried, SendResult
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider

log = get_logger(__name__)

POLL_SECONDS = 0.1
_NOBODY_TAKES_IT = PermanentFailure(
    reason=Reason.INVALID_ADDRESS,
    detail="no provider of this channel takes such an address",
    fault=FaultSide.RECIPIENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverSender:
    """Sends by the first provider that can, of those that take the message's address.

    The next one is tried when a provider's breaker is open, when it is paused, or when it failed
    through a fault of its own and surely has not taken the message. It is not tried when the
    recipient is at fault, nor when the outcome is uncertain: that would be asking for a duplicate.
    A provider that is busy or at its limit is waited for, not passed over: the order is the
    operator's choice.
    """

    providers: Sequence[ProtectedProvider]
    max_wait: timedelta = timedelta(seconds=2)

    def repeating(self, provider: str) -> Repeating:
        """See `Sender`."""
        for each in self.providers:
            if each.name == provider:
                return each.provider.repeating
        return Repeating.NEITHER

    @property
    def is_repeatable(self) -> bool:
        """See `Sender`."""
        return all(each.provider.repeating is not Repeating.NEITHER for each in self.providers)

    async def find(
        self, provider: str, message: OutgoingMessage, *, since: datetime
    ) -> SendResult | None:
        """See `Sender`."""
        named = self._named(provider)
        if named is None:
            return SendResult(outcome=UncertainFailure(detail=f"there is no {provider} any more"))
        return await named.find(message, since=since)

    async def send(
        self,
        message: OutgoingMessage,
        *,
        on_start: OnStart,
        first: str | None = None,
        is_for_first: bool = False,
    ) -> SendResult:
        """Try the providers in order, each after `on_start`. Failures are outcomes."""
        able = [provider for provider in self.providers if provider.can_carry(message)]
        if first is not None:
            able.sort(key=lambda provider: provider.name != first)
            able = [each for each in able if each.name == first] if is_for_first else able
        if not able:
            return SendResult(outcome=_NOBODY_TAKES_IT)
        await self._wait_for_any(able)
        results: list[SendResult] = []
        for provider in able:
            result = await provider.send(message, on_start=on_start)
            results.append(result)
            if not _may_another_do_better(result):
                break
            log.info("provider.passed_over", provider=provider.name, why=_why(result))
        return _conclusion(results)

    def _named(self, name: str) -> ProtectedProvider | None:
        return next((provider for provider in self.providers if provider.name == name), None)

    async def _wait_for_any(self, able: Sequence[ProtectedProvider]) -> None:
        """Wait a little while none is available, so that a backlog stays in its queue."""
        waited = 0.0
        while not any(provider.is_available for provider in able):
            if waited >= self.max_wait.total_seconds():
                return
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


def _may_another_do_better(result: SendResult) -> bool:
    match result.outcome:
        case TransientFailure(fault=fault) | PermanentFailure(fault=fault):
            return fault is FaultSide.PROVIDER
        case NotTried(is_unavailable=is_unavailable):
            return is_unavailable
        case _:
            return False


def _why(result: SendResult) -> str | None:
    return getattr(result.outcome, "reason", None)


def _conclusion(results: Sequence[SendResult]) -> SendResult:
    """Return the answer that settles it; failing that, the failure that leaves most hope."""
    last = results[-1]
    if not isinstance(last.outcome, NotTried) and not _may_another_do_better(last):
        return last
    untried = [result.outcome for result in results if isinstance(result.outcome, NotTried)]
    answered = [result for result in results if not isinstance(result.outcome, NotTried)]
    if not answered:
        return SendResult(outcome=min(untried, key=lambda outcome: outcome.retry_in))
    failed = [
        (result.outcome, result)
        for result in answered
        if isinstance(result.outcome, TransientFailure)
    ]
    if failed:
        return _first_to_ask_again(failed, untried)
    if untried:
        # Some refused for good, others were not to be had: those may yet take it.
        outcome = TransientFailure(reason=untried[0].reason, detail=untried[0].detail)
        return replace(answered[0], outcome=outcome)
    return answered[0]


def _first_to_ask_again(
    failed: Sequence[tuple[TransientFailure, SendResult]], untried: Sequence[NotTried]
) -> SendResult:
    """Return a failure that leaves the time to the schedule; failing that, the shortest wait."""
    waits = [outcome.retry_in for outcome in untried]
    for outcome, result in failed:
        if outcome.provider_retry_after is None:
            return result
        waits.append(outcome.provider_retry_after)
    outcome, result = failed[0]
    return replace(result, outcome=replace(outcome, retry_after=min(waits)))
