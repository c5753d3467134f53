"""`fake://`: accepts every message and sends none. For trying out, tests, and rehearsing faults.

`fake://NAME` gives it a name of its own; `fake://?script=fail-permanent` lets every message to it
go as that script of the simulator has it, as a fault of the provider and not of the recipient.
`429-after-60s` then throttles all messages for the 60 s that it asks for at the first, and accepts
what comes after.

`fake://?repeating=idempotent` accepts what is in the outbox already and adds no second line, and
`fake://?repeating=askable` tells by the outbox what it took: as providers do that know each key, or
that can be asked. Both read the whole file.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service_kit.failpoints import EXIT_CODE
from service_kit.logs import PreparedLine, get_contextvars

from notification_providers.fake.outbox import FIRST_NAME, FakeOutbox
from notification_providers.fake.simulator import (
    ACCEPT,
    SimulatedCall,
    script_of,
    simulate,
)
from notification_providers.port import (
    Accepted,
    FaultSide,
    NotTaken,
    OutgoingMessage,
    ProviderAnswer,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import (
    InvalidProviderUrl,
    ProviderContext,
    ProviderUrl,
)

_accepted = PreparedLine(__name__, "fake.accepted")


@dataclass(slots=True, kw_only=True)
class FakeProvider:
    """Appends what it accepts to the outbox, if there is one, and says so in the log."""

    name: str = FIRST_NAME
    repeating: Repeating = Repeating.NEITHER
    outbox: FakeOutbox | None = None
    script: str | None = None
    monotonic: Callable[[], float] = time.monotonic
    _throttles_until: float | None = field(default=None, init=False)

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Do what the address, or this provider's own script, asks for; else accept."""
        simulated = self._simulated(message)
        if simulated.is_fatal:
            os._exit(EXIT_CODE)
        if simulated.wait is None:
            await asyncio.Event().wait()
        elif simulated.wait:
            await asyncio.sleep(simulated.wait.total_seconds())
        if simulated.is_accepted:
            return self._accept(message, simulated.answer)
        return simulated.answer

    async def close(self) -> None:
        """See `Provider`: there is no connection."""

    def _has_taken(self, message: OutgoingMessage) -> bool:
        return self.outbox is not None and self.outbox.has(message)

    def _simulated(self, message: OutgoingMessage) -> SimulatedCall:
        if self.script is not None:
            return self._by_own_script(self.script, message.attempt)
        script = script_of(message.address)
        if script is None:
            return ACCEPT
        return simulate(script, message.attempt, FaultSide.RECIPIENT) or ACCEPT

    def _by_own_script(self, script: str, attempt: int) -> SimulatedCall:
        first = simulate(script, 1, FaultSide.PROVIDER) or ACCEPT
        answer = first.answer
        if not isinstance(answer, TransientFailure) or answer.retry_after is None:
            return simulate(script, attempt, FaultSide.PROVIDER) or ACCEPT
        # It throttles until the time is over that it asked for first, whatever the attempt.
        now = self.monotonic()
        if self._throttles_until is None:
            self._throttles_until = now + answer.retry_after.total_seconds()
        left = self._throttles_until - now
        if left <= 0:
            return ACCEPT
        return replace(first, answer=replace(answer, retry_after=timedelta(seconds=left)))

    def _accept(self, message: OutgoingMessage, answer: ProviderAnswer) -> ProviderAnswer:
        if self.repeating is Repeating.IDEMPOTENT and self._has_taken(message):
            return answer
        if self.outbox is not None:
            failure = self.outbox.keep(message, provider=self.name)
            if failure is not None:
                return failure
        _accepted.write(
            get_contextvars() | {"trace_id": message.trace_id, "channel": message.channel}
        )
        return answer


@dataclass(slots=True, kw_only=True)
class AskableFakeProvider(FakeProvider):
    """One that can be asked what became of a message."""

    async def find(
        self, message: OutgoingMessage, *, since: datetime
    ) -> Accepted | NotTaken | UncertainFailure:
        """See `AskableProvider`. The outbox is as old as it is: `since` says nothing."""
        if self.outbox is None:
            return UncertainFailure(detail="there is no outbox to look into")
        return Accepted() if self._has_taken(message) else NotTaken()


def fake_provider(url: ProviderUrl, context: ProviderContext) -> FakeProvider:
    """Make the provider that a `fake://` URL describes."""
    script = url.options.get("script")
    if script is not None and simulate(script, 1, FaultSide.PROVIDER) is None:
        raise InvalidProviderUrl(f"there is no script {script!r}")
    if (how := url.options.get("repeating", Repeating.NEITHER)) not in set(Repeating):
        raise InvalidProviderUrl(f"repeating: must be {', '.join(Repeating)}")
    repeating = Repeating(how)
    name = f"fake-{url.host}" if url.host else FIRST_NAME
    outbox = FakeOutbox(path=context.fake_outbox, now=context.now) if context.fake_outbox else None
    kind = AskableFakeProvider if repeating is Repeating.ASKABLE else FakeProvider
    return kind(name=name, repeating=repeating, outbox=outbox, script=script)
