"""The sender of test notifications: it keeps what it is given, and knows no provider."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notification_providers.delivery import Diverter
from notification_providers.port import OutgoingMessage, Repeating

from notification_dispatcher.application.ports import OnStart
from notification_dispatcher.domain.sending import ProviderCall, SendResult

NAME: Final = "capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturingSender:
    """A `Sender` for all channels. What it keeps is as good as sent, and may be kept again.

    It stands before nothing: no cap counts what it gets, and no breaker, pause or address learns of
    it, whatever `DELIVERY` says.
    """

    diverter: Diverter

    def repeating(self, provider: str) -> Repeating:
        """See `Sender`: kept twice, it reaches nobody twice."""
        return Repeating.IDEMPOTENT

    @property
    def is_repeatable(self) -> bool:
        """See `Sender`."""
        return True

    async def find(
        self,
        provider: str,
        message: OutgoingMessage,
        *,
        since: datetime,
    ) -> SendResult | None:
        """See `Sender`: no provider ever took it."""
        return None

    async def send(
        self,
        message: OutgoingMessage,
        *,
        on_start: OnStart,
        first: str | None = None,
        is_for_first: bool = False,
    ) -> SendResult:
        """Keep the message in the outbox; see `Sender`."""
        await on_start(NAME)
        started = time.perf_counter()
        outcome = self.diverter.capture(message)
        call = ProviderCall(
            provider=NAME, duration=timedelta(seconds=time.perf_counter() - started)
        )
        return SendResult(outcome=outcome, call=call)
