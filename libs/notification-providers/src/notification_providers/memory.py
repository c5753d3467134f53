"""A provider in memory: the twin of the port, for tests."""

from dataclasses import dataclass, field

from notification_providers.port import Accepted, OutgoingMessage, ProviderAnswer, Repeating


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
