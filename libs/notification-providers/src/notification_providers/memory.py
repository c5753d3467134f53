"""Providers in memory: twins of the ports, for tests."""

import asyncio
from dataclasses import dataclass, field

from notification_providers.port import (
    Accepted,
    CheckResult,
    OutgoingMessage,
    ProviderAnswer,
    Repeating,
)


@dataclass(kw_only=True)
class InMemoryProvider:
    """Keeps what it was handed; answers with `answers` in turn, then accepts."""

    name: str = "in-memory"
    repeating: Repeating = Repeating.NEITHER
    answers: list[ProviderAnswer] = field(default_factory=list)
    sent: list[OutgoingMessage] = field(default_factory=list)
    is_closed: bool = False

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Take the message, and give the next answer."""
        self.sent.append(message)
        return self.answers.pop(0) if self.answers else Accepted()

    async def close(self) -> None:
        """See `Provider`."""
        self.is_closed = True


@dataclass(kw_only=True)
class InMemoryCheckableProvider(InMemoryProvider):
    """One that can be checked: it says what was `found`, or, as long as it `hangs`, nothing."""

    found: CheckResult = field(default_factory=lambda: CheckResult(is_ok=True, words="welcome"))
    hangs: bool = False

    async def check(self) -> CheckResult:
        """See `CheckableProvider`."""
        if self.hangs:
            await asyncio.Event().wait()
        return self.found
