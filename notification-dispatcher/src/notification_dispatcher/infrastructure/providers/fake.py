"""`fake://`: accepts every message and sends none. For trying out, tests, and rehearsing faults.

`fake://NAME` gives it a name of its own; `fake://?script=fail-permanent` lets every message to it
go as that script of the simulator has it, as a fault of the provider and not of the recipient.
`429-after-60s` then throttles all messages for the 60 s that it asks for at the first, and accepts
what comes after.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from notification_contracts.states import Reason
from service_kit.failpoints import EXIT_CODE
from service_kit.logs import get_logger

from notification_dispatcher.domain.outcomes import (
    Fault,
    OutgoingMessage,
    ProviderOutcome,
    TransientFailure,
)
from notification_dispatcher.infrastructure.providers.outbox import Outbox
from notification_dispatcher.infrastructure.providers.registry import (
    InvalidProviderUrl,
    ProviderContext,
    ProviderUrl,
)
from notification_dispatcher.infrastructure.providers.simulator import ACCEPT, Act, act, script_of

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class FakeProvider:
    """Appends what it accepts to the outbox, if there is one, and says so in the log."""

    name: str = "fake"
    outbox: Outbox | None = None
    script: str | None = None
    monotonic: Callable[[], float] = time.monotonic
    _throttles_until: float | None = field(default=None, init=False)

    async def send(self, message: OutgoingMessage) -> ProviderOutcome:
        """Do what the address, or this provider's own script, asks for; else accept."""
        rehearsed = self._act_for(message)
        if rehearsed.is_fatal:
            os._exit(EXIT_CODE)
        if rehearsed.wait is None:
            await asyncio.Event().wait()
        elif rehearsed.wait:
            await asyncio.sleep(rehearsed.wait.total_seconds())
        if rehearsed.is_accepted:
            return self._accept(message, rehearsed.outcome)
        return rehearsed.outcome

    def _act_for(self, message: OutgoingMessage) -> Act:
        if self.script is not None:
            return self._own_act(self.script, message.attempt)
        script = script_of(message.address)
        if script is None:
            return ACCEPT
        return act(script, message.attempt, Fault.RECIPIENT) or ACCEPT

    def _own_act(self, script: str, attempt: int) -> Act:
        first = act(script, 1, Fault.PROVIDER) or ACCEPT
        outcome = first.outcome
        if not isinstance(outcome, TransientFailure) or outcome.retry_after is None:
            return act(script, attempt, Fault.PROVIDER) or ACCEPT
        # It throttles until the time is over that it asked for first, whatever the attempt.
        now = self.monotonic()
        if self._throttles_until is None:
            self._throttles_until = now + outcome.retry_after.total_seconds()
        left = self._throttles_until - now
        if left <= 0:
            return ACCEPT
        return replace(first, outcome=replace(outcome, retry_after=timedelta(seconds=left)))

    def _accept(self, message: OutgoingMessage, outcome: ProviderOutcome) -> ProviderOutcome:
        if self.outbox is not None:
            try:
                self.outbox.append(message)
            except OSError as error:
                detail = f"the outbox can't be written: {error.strerror or error}"
                return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)
        log.info("fake.accepted", trace_id=message.trace_id, channel=message.channel)
        return outcome


def fake_provider(url: ProviderUrl, context: ProviderContext) -> FakeProvider:
    """Make the provider that a `fake://` URL describes."""
    script = url.options.get("script")
    if script is not None and act(script, 1, Fault.PROVIDER) is None:
        raise InvalidProviderUrl(f"there is no script {script!r}")
    name = f"fake-{url.host}" if url.host else "fake"
    outbox = Outbox(path=context.fake_outbox, now=context.now) if context.fake_outbox else None
    return FakeProvider(name=name, outbox=outbox, script=script)
