"""Puts together what tells endpoints."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Final

from notification_ledger.webhooks.opening import WebhookParts
from notification_ledger.webhooks.telling import TellOperators

from notification_dispatcher.application.tell_webhook import AttemptCounter, TellEndpoint
from notification_dispatcher.infrastructure.circuit_breaker import CircuitBreaker
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings
from notification_dispatcher.infrastructure.webhooks.notices import OperatorNotices
from notification_dispatcher.infrastructure.webhooks.on_demand import (
    CallerOnDemand,
    ClosableCaller,
)
from notification_dispatcher.infrastructure.webhooks.settings import StatusWebhookSettings

_SHARE: Final = 8
"""Of all calls at once, an endpoint may take up one of so many parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How many events are posted at once, and when an endpoint is let alone for a while.

    `source` is the URL of this system, which a CloudEvent names.
    """

    at_once: int
    breaker: BreakerSettings
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTeller:
    """What tells endpoints, and the connections that it has. A `Resource`."""

    tell: TellEndpoint
    parts: WebhookParts
    caller: CallerOnDemand
    notices: OperatorNotices

    async def start(self) -> None:
        """See `Resource`: it connects when it is first used."""

    async def stop(self) -> None:
        """Close all connections."""
        await self.caller.close()
        await self.parts.close()


def open_teller(
    settings: StatusWebhookSettings,
    parts: WebhookParts,
    counter: AttemptCounter,
    limits: CallLimits,
    now: Callable[[], datetime],
) -> WebhookTeller:
    """Put together what tells endpoints."""
    caller = CallerOnDemand(make=partial(_open_caller, settings, limits, now))
    operators = TellOperators(store=parts.store)
    tell = TellEndpoint(
        store=parts.store,
        caller=caller,
        counter=counter,
        tell_disabled=operators.disabled,
        retries=settings.webhook_retries,
        failing_limit=settings.webhook_failing_limit,
        random=random.random,
        now=now,
    )
    notices = OperatorNotices(tell=operators, now=now)
    return WebhookTeller(tell=tell, parts=parts, caller=caller, notices=notices)


def _open_caller(
    settings: StatusWebhookSettings, limits: CallLimits, now: Callable[[], datetime]
) -> ClosableCaller:
    module = import_module("notification_dispatcher.infrastructure.webhooks.caller")
    breaker = limits.breaker
    caller: ClosableCaller = module.open_caller(
        settings.status_webhook_networks,
        timeout=settings.webhook_timeout,
        at_once=max(1, limits.at_once // _SHARE),
        new_breaker=lambda: CircuitBreaker(failures=breaker.failures, pause=breaker.pause),
        source=limits.source,
        now=now,
    )
    return caller
