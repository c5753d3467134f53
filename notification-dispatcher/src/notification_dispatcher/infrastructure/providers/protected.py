"""A provider behind its limits: time-out, concurrency, rate and circuit breaker."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from notification_contracts.states import Reason
from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import Provider, Starting
from notification_dispatcher.domain.outcomes import (
    Accepted,
    Fault,
    NotTried,
    OutgoingMessage,
    PermanentFailure,
    ProviderOutcome,
    SendOutcome,
    SendReport,
    TransientFailure,
    Trial,
    UncertainFailure,
)
from notification_dispatcher.infrastructure.breaker import CircuitBreaker
from notification_dispatcher.infrastructure.providers.limits import Gate

log = get_logger(__name__)

THROTTLED_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedProvider:
    """Asks a provider only as often as its limits allow, and waits for no answer for ever.

    `observe` is told of each answer and how long it took, in seconds.
    """

    name: str
    provider: Provider
    timeout: timedelta
    gate: Gate
    breaker: CircuitBreaker
    observe: Callable[[ProviderOutcome, float], None] = lambda _outcome, _seconds: None

    @property
    def is_admitting(self) -> bool:
        """True when the breaker would let a message through."""
        return self.breaker.is_admitting

    async def send(self, message: OutgoingMessage, *, starting: Starting) -> SendReport:
        """Hand the message over, unless a limit forbids it: then `NotTried`."""
        admission = self.breaker.admit()
        if admission is None:
            return SendReport(outcome=self._is_resting())
        is_healthy = None
        try:
            if not await self.gate.enter():
                return SendReport(outcome=self._is_busy())
            try:
                await starting(self.name)
                report = await self._timed(message)
            finally:
                self.gate.leave()
            is_healthy = _health(report.outcome)
            return report
        finally:
            self.breaker.settle(admission, is_healthy=is_healthy)

    async def _timed(self, message: OutgoingMessage) -> SendReport:
        started = time.perf_counter()
        outcome = await self._answer(message)
        seconds = time.perf_counter() - started
        self.observe(outcome, seconds)
        trial = Trial(provider=self.name, duration=timedelta(seconds=seconds))
        return SendReport(outcome=outcome, trial=trial)

    async def _answer(self, message: OutgoingMessage) -> ProviderOutcome:
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                outcome = await self.provider.send(message)
        except TimeoutError:
            seconds = self.timeout.total_seconds()
            return UncertainFailure(detail=f"no answer within {seconds:g} s")
        except Exception as error:
            # A fault in the adapter: nobody knows how far it came before it broke.
            log.exception("provider.crashed", provider=self.name)
            return UncertainFailure(detail=f"the adapter crashed: {type(error).__name__}")
        if isinstance(outcome, Accepted):
            await afailpoint("provider.after_accept")
        return outcome

    def _is_resting(self) -> NotTried:
        detail = f"{self.name} has failed too often and is left alone for a while"
        wait = max(self.breaker.reopens_in, THROTTLED_FOR)
        return NotTried(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_in=wait)

    def _is_busy(self) -> NotTried:
        detail = f"{self.name} is at its limit"
        return NotTried(reason=Reason.RATE_LIMITED, detail=detail, retry_in=THROTTLED_FOR)


def _health(outcome: SendOutcome) -> bool | None:
    """Tell what an outcome says of the provider; None if it says nothing."""
    match outcome:
        case Accepted():
            return True
        case UncertainFailure():
            return False
        case TransientFailure(reason=Reason.RATE_LIMITED) | NotTried():
            return None
        case TransientFailure(fault=fault) | PermanentFailure(fault=fault):
            return fault is Fault.RECIPIENT
        case never:
            assert_never(never)
