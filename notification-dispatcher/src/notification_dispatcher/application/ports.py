"""What the use cases need from outside, and the errors that it raises."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.outcomes import OutgoingMessage, ProviderOutcome, SendReport


class ContactsError(Exception):
    """Base of all errors that a contact directory raises."""


class UnknownUser(ContactsError):
    """Raised when the directory answers that it has no such user."""


class ContactsUnavailable(ContactsError):
    """Raised when the directory gives no answer for now, or one that can't be understood."""


class ContactDirectory(Protocol):
    """Knows how each user can be reached."""

    async def contact_of(self, user_id: str) -> Contact:
        """Return the user's contact: as it is now, or, while that can't be told, as it was.

        Raises:
            UnknownUser: there is no such user.
            ContactsUnavailable: it can't be told for now.
        """
        ...


class Provider(Protocol):
    """Who carries a channel's messages: an SMTP server, an SMS gateway, a fake."""

    @property
    def name(self) -> str:
        """Name it in logs, metrics and timelines: short, stable, without credentials."""
        ...

    async def send(self, message: OutgoingMessage) -> ProviderOutcome:
        """Hand the message over, with its trace id as idempotency key.

        Every failure is an outcome. It need not watch the clock: it is cancelled when it takes too
        long, and the outcome is then uncertain.
        """
        ...


Starting = Callable[[str], Awaitable[None]]
"""Awaited with a provider's name right before a message is handed to it. What it raises stops the
send: the notification expired, was cancelled, or is another worker's by now."""


class Sender(Protocol):
    """Sends on one channel, by whichever of its providers can."""

    async def send(self, message: OutgoingMessage, *, starting: Starting) -> SendReport:
        """Try the channel's providers in order, each after `starting`. Failures are outcomes.

        Raises:
            Exception: only what `starting` raised.
        """
        ...
