"""In-memory twins of the ports, for tests and for trying things out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from notification_contracts.channels import ChannelName

from notification_dispatcher.application.ports import ContactsUnavailable, UnknownUser
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.outcomes import Accepted, OutgoingMessage, ProviderOutcome
from notification_dispatcher.infrastructure.contacts.lookup import Answer


@dataclass(kw_only=True)
class InMemoryContactDirectory:
    """Contacts in a dictionary; can be told to be down. Keeps who was looked up, in order."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    is_down: bool = False
    lookups: list[str] = field(default_factory=list)

    def add(
        self,
        user_id: str,
        addresses: dict[ChannelName, str],
        preferred_channel: ChannelName | None = None,
    ) -> None:
        """Make a user known."""
        self.contacts[user_id] = Contact(addresses=addresses, preferred_channel=preferred_channel)

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, Answer]:
        """Answer as `contact_of` does, for each."""
        return {user_id: await self._answer(user_id) for user_id in user_ids}

    async def _answer(self, user_id: str) -> Answer:
        try:
            return await self.contact_of(user_id)
        except (UnknownUser, ContactsUnavailable) as error:
            return error

    async def contact_of(self, user_id: str) -> Contact:
        """Return the contact that was added."""
        self.lookups.append(user_id)
        if self.is_down:
            raise ContactsUnavailable("told to be down")
        if user_id not in self.contacts:
            raise UnknownUser(user_id)
        return self.contacts[user_id]


@dataclass(kw_only=True)
class InMemoryProvider:
    """Keeps what it was handed; answers with `outcomes` in turn, then accepts."""

    name: str = "in-memory"
    outcomes: list[ProviderOutcome] = field(default_factory=list)
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message: OutgoingMessage) -> ProviderOutcome:
        """Take the message, and give the next outcome."""
        self.sent.append(message)
        return self.outcomes.pop(0) if self.outcomes else Accepted()
