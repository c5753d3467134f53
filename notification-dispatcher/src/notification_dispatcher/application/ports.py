"""What the use cases need from outside, and the errors that it raises."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from notification_contracts.channels import ChannelName
from notification_providers.port import AddressReport, OutgoingMessage, Repeating

from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.sending import SendResult


class NoSuchUser(Exception):
    """Raised when the directory answers that it has no such user."""


class ContactsUnavailable(Exception):
    """Raised when the directory gives no answer for now, or one that can't be understood."""


class UnknownProvider(Exception):
    """Raised when there is no provider of such a name, or it gives no receipts."""


class HealthReportsUnavailable(Exception):
    """Raised when what was learnt about addresses may not have been stored."""


class UnknownChannel(Exception):
    """Raised when no provider is for such a channel."""


ContactAnswer = Contact | NoSuchUser | ContactsUnavailable
"""What came of one user's look-up: one that failed takes no other with it."""


class ContactDirectory(Protocol):
    """Knows how users can be reached."""

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer]:
        """Look up users as they are now, or, while there is no answer, as they were."""
        ...


class HealthReports(Protocol):
    """Keeps what is known of addresses."""

    async def report(
        self, reports: Sequence[AddressReport], *, provider: str, trace_id: str
    ) -> None:
        """Return once all of it is stored. Doing so again changes nothing.

        All that is said of an address under one `trace_id` counts once.

        Raises:
            HealthReportsUnavailable: it may or may not be stored.
        """
        ...


class Starting(NamedTuple):
    """What is about to be handed to a provider.

    `is_repeatable` says that nothing is doubled if it is begun again after this process dies;
    `progress` is for whoever does that, None if it is as it was.
    """

    provider: str
    is_repeatable: bool
    progress: str | None = None


PassPointOfNoReturn = Callable[[Starting], Awaitable[None]]
"""Awaited right before anything is handed to a provider; raises as `OnStart` does."""

OnStart = Callable[[str], Awaitable[None]]
"""Awaited with a provider's name right before a message is handed to it. What it raises stops the
send: the notification expired, was cancelled, or is another worker's by now."""


class Sender(Protocol):
    """Sends on one channel, by whichever of its providers can."""

    def repeating(self, provider: str) -> Repeating:
        """Say what it costs to repeat a send by this provider; one that is gone can't be asked."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether none of the providers doubles what is sent again, or can't be asked."""
        ...

    async def find(
        self, provider: str, message: OutgoingMessage, *, since: datetime
    ) -> SendResult | None:
        """Ask a provider what became of a message; None if it never took it.

        Else it was taken, or the provider can't tell for now.
        """
        ...

    async def send(
        self,
        message: OutgoingMessage,
        *,
        on_start: OnStart,
        first: str | None = None,
        is_for_first: bool = False,
    ) -> SendResult:
        """Try the channel's providers in order, each after `on_start`. Failures are outcomes.

        The one named `first` comes before the others, or, if it `is_for_first`, instead of them.

        Raises:
            Exception: only what `on_start` raised.
        """
        ...


class AddressReports(Protocol):
    """Tells the user-service what was learnt about addresses: later, and in the background."""

    def tell_used(
        self, channel: ChannelName, address: str, *, provider: str, trace_id: str
    ) -> None:
        """Say that an address took a message just now, as `tell` does."""
        ...

    def tell(self, report: AddressReport, *, provider: str, trace_id: str) -> None:
        """Take a report, and return at once. It may be lost: the next send brings it again."""
        ...
