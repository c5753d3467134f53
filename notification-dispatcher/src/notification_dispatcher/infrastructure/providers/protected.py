"""A provider behind its limits: time-out, concurrency, rate, circuit breaker, pauses."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from notification_contracts.states import Reason
from notification_providers.delivery import Diverter
from notification_providers.port import (
    Accepted,
    AddressGone,
    AskableProvider,
    Diversion,
    FaultSide,
    Misconfigured,
    NotTaken,
    OutgoingMessage,
    PermanentFailure,
    Provider,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)
from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import OnStart
from notification_dispatcher.domain.sending import NotTried, ProviderCall, SendOutcome, SendResult
from notification_dispatcher.infrastructure.circuit_breaker import CallPermit, CircuitBreaker
from notification_dispatcher.infrastructure.providers.gate import Gate, Turned
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import ProviderPause

log = get_logger(__name__)

THROTTLED_FOR = timedelta(seconds=2)


def takes_all(_address: str) -> bool:
    """Take every address, as a provider does that is not selective."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedProvider:
    """Calls a provider only as often as its limits allow, and waits for no answer for ever.

    When it asks for no further call for a while, every dispatcher pauses it; `bounded` limits for
    how long. `observe` gets each answer, and how long it took in seconds. `takes` tells which
    addresses it may be given.
    """

    name: str
    provider: Provider
    timeout: timedelta
    gate: Gate
    breaker: CircuitBreaker
    pause: ProviderPause
    bounded: Callable[[timedelta], timedelta]
    diverter: Diverter
    observe: Callable[[ProviderAnswer, float], None]
    takes: Callable[[str], bool] = takes_all

    @property
    def is_available(self) -> bool:
        """True when neither the breaker nor a pause that is known of would turn a message away."""
        return self.breaker.is_available and not self.pause.remaining

    def can_carry(self, message: OutgoingMessage) -> bool:
        """True when it takes the address to which the message would go."""
        return self.takes(self.diverter.route(message)[0].address)

    async def send(self, message: OutgoingMessage, *, on_start: OnStart) -> SendResult:
        """Hand the message over, unless a limit or a pause forbids it: then `NotTried`."""
        if pause := self.pause.remaining:
            return SendResult(outcome=self._is_paused(pause))
        if not self.breaker.is_available:
            return SendResult(outcome=self._breaker_is_open())
        if turned := await self.gate.enter():
            return SendResult(outcome=self._turned_away(turned))
        try:
            # It may have been paused, or have failed too often, while this message waited for room.
            if pause := await self.pause.look():
                return SendResult(outcome=self._is_paused(pause))
            permit = self.breaker.acquire()
            if permit is None:
                return SendResult(outcome=self._breaker_is_open())
            return await self._send(message, permit, on_start)
        finally:
            self.gate.leave()

    async def _send(
        self, message: OutgoingMessage, permit: CallPermit, on_start: OnStart
    ) -> SendResult:
        is_healthy = opens_for = None
        try:
            await on_start(self.name)
            answer, call = await self._timed(message)
            is_healthy = _health(answer)
            if isinstance(answer, Misconfigured):
                opens_for = Reason.PROVIDER_AUTH
            return SendResult(outcome=self._outcome(answer), call=call)
        finally:
            self.breaker.settle(permit, is_healthy=is_healthy, opens_for=opens_for)

    async def find(self, message: OutgoingMessage, *, since: datetime) -> SendResult | None:
        """Ask what became of a message; see `Sender.find`. No limit counts it: it is no send.

        Who gets no call for now is not asked either: that is waiting, not trying.
        """
        if not isinstance(self.provider, AskableProvider):
            return SendResult(outcome=UncertainFailure(detail=f"{self.name} can't be asked"))
        if pause := self.pause.remaining:
            return SendResult(outcome=self._is_paused(pause))
        if not self.breaker.is_available:
            return SendResult(outcome=self._breaker_is_open())
        started = time.perf_counter()
        found = await self._found(self.provider, message, since)
        call = ProviderCall(
            provider=self.name, duration=timedelta(seconds=time.perf_counter() - started)
        )
        log.info("provider.asked", provider=self.name, answer=type(found).__name__)
        return None if isinstance(found, NotTaken) else SendResult(outcome=found, call=call)

    async def _found(
        self, provider: AskableProvider, message: OutgoingMessage, since: datetime
    ) -> Accepted | NotTaken | UncertainFailure:
        message, diversion = self.diverter.route(message)
        if diversion is Diversion.CAPTURED:
            return NotTaken()
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                found = await provider.find(message, since=since)
        except TimeoutError:
            return UncertainFailure(detail=f"{self.name} does not say what became of it")
        except Exception as error:
            log.exception("provider.crashed", provider=self.name)
            return UncertainFailure(detail=f"the adapter crashed: {type(error).__name__}")
        return replace(found, diversion=diversion) if isinstance(found, Accepted) else found

    async def _timed(self, message: OutgoingMessage) -> tuple[ProviderAnswer, ProviderCall]:
        started = time.perf_counter()
        answer = await self._answer(message)
        seconds = time.perf_counter() - started
        if isinstance(answer, TransientFailure) and answer.provider_retry_after is not None:
            await self.pause.begin(self.bounded(answer.provider_retry_after))
        self.observe(answer, seconds)
        return answer, ProviderCall(provider=self.name, duration=timedelta(seconds=seconds))

    def _outcome(self, answer: ProviderAnswer) -> SendOutcome:
        """Return the answer; for who is refused, whatever is sent, it is as good as throttled."""
        if not isinstance(answer, Misconfigured):
            return answer
        wait = self.breaker.pause
        return TransientFailure(reason=Reason.PROVIDER_AUTH, detail=answer.detail, retry_after=wait)

    async def _answer(self, message: OutgoingMessage) -> ProviderAnswer:
        message, diversion = self.diverter.route(message)
        if diversion is Diversion.CAPTURED:
            return self.diverter.capture(message)
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                outcome = await self.provider.send(message)
        except TimeoutError:
            seconds = self.timeout.total_seconds()
            return UncertainFailure(detail=f"no answer within {seconds:g} s")
        except Exception as error:
            # A fault in the adapter: how far it got before it broke is unknown.
            log.exception("provider.crashed", provider=self.name)
            return UncertainFailure(detail=f"the adapter crashed: {type(error).__name__}")
        if isinstance(outcome, Accepted):
            await afailpoint("provider.after_accept")
            return replace(outcome, diversion=diversion) if diversion else outcome
        if isinstance(outcome, AddressGone) and diversion:  # it says nothing of the address meant
            return PermanentFailure(
                reason=outcome.reason, detail=outcome.detail, fault=FaultSide.RECIPIENT
            )
        return outcome

    def _breaker_is_open(self) -> NotTried:
        reason = self.breaker.reason or Reason.PROVIDER_UNAVAILABLE
        why = "refuses this system" if self.breaker.reason else "has failed too often"
        detail = f"{self.name} {why} and gets no call for a while"
        wait = max(self.breaker.reopens_in, THROTTLED_FOR)
        return NotTried(reason=reason, detail=detail, retry_in=wait, is_unavailable=True)

    def _is_paused(self, pause: timedelta) -> NotTried:
        detail = f"{self.name} asked for no further call for a while"
        return NotTried(
            reason=Reason.RATE_LIMITED, detail=detail, retry_in=pause, is_unavailable=True
        )

    def _turned_away(self, why: Turned) -> NotTried:
        if why is Turned.IS_CLOSED:
            detail = "this dispatcher stops, and leaves it to the next"
            return NotTried(
                reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_in=timedelta(0)
            )
        detail = f"{self.name} is at its limit"
        return NotTried(reason=Reason.RATE_LIMITED, detail=detail, retry_in=THROTTLED_FOR)


def _health(answer: ProviderAnswer) -> bool | None:
    """Return what an answer says of the provider's health; None if it says nothing."""
    match answer:
        case Accepted() | AddressGone():
            return True
        case Misconfigured():
            return False
        case TransientFailure(reason=Reason.RATE_LIMITED):
            return None
        case (
            TransientFailure(fault=fault)
            | PermanentFailure(fault=fault)
            | UncertainFailure(fault=fault)
        ):
            return fault is FaultSide.RECIPIENT
        case never:
            assert_never(never)
