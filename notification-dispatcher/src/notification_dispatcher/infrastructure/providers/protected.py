"""A provider behind its limits: time-out, concurrency, rate, circuit breaker, pauses."""

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
from notification_dispatcher.infrastructure.providers.pause import ProviderPause

log = get_logger(__name__)

THROTTLED_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedProvider:
    """Asks a provider only as often as its limits allow, and waits for no answer for ever.

    When it says how long it wants to be left alone, it is, by every dispatcher; `bounded` says what
    of that is within reason. `observe` is told of each answer and how long it took, in seconds.
    """

    name: str
    provider: Provider
    timeout: timedelta
    gate: Gate
    breaker: CircuitBreaker
    pause: ProviderPause
    bounded: Callable[[timedelta], timedelta]
    observe: Callable[[ProviderOutcome, float], None] = lambda _outcome, _seconds: None

    @property
    def is_admitting(self) -> bool:
        """True when neither the breaker nor a pause that is known of would turn a message away."""
        return self.breaker.is_admitting and not self.pause.remaining

    async def send(self, message: OutgoingMessage, *, starting: Starting) -> SendReport:
        """Hand the message over, unless a limit or a pause forbids it: then `NotTried`."""
        if pause := self.pause.remaining:
            return SendReport(outcome=self._is_paused(pause))
        admission = self.breaker.admit()
        if admission is None:
            return SendReport(outcome=self._is_resting())
        is_healthy = None
        try:
            if not await self.gate.enter():
                return SendReport(outcome=self._is_busy())
            try:
                # Last, for it may have been paused while this message waited for room.
                if pause := await self.pause.look():
                    return SendReport(outcome=self._is_paused(pause))
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
        if isinstance(outcome, TransientFailure) and outcome.provider_asks_to_wait is not None:
            await self.pause.begin(self.bounded(outcome.provider_asks_to_wait))
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
        return NotTried(
            reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_in=wait, is_resting=True
        )

    def _is_paused(self, pause: timedelta) -> NotTried:
        detail = f"{self.name} asked to be left alone for a while"
        return NotTried(reason=Reason.RATE_LIMITED, detail=detail, retry_in=pause, is_resting=True)

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
