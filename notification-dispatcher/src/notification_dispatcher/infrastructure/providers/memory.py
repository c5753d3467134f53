"""A provider in memory: the twin of the port, for tests."""

from dataclasses import dataclass, field

from notification_dispatcher.domain.sending import Accepted, OutgoingMessage, ProviderAnswer


@dataclass(kw_only=True)
class InMemoryProvider:
    """Keeps what it was handed; answers with `answers` in turn, then accepts."""

    name: str = "in-memory"
    answers: list[ProviderAnswer] = field(default_factory=list)
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Take the message, and give the next answer."""
        self.sent.append(message)
        return self.answers.pop(0) if self.answers else Accepted()
