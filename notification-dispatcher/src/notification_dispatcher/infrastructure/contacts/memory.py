"""Contacts in memory: twins of the directory and of the reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from notification_providers.port import AddressReport

from notification_dispatcher.application.ports import (
    ContactAnswer,
    ContactsUnavailable,
    NoSuchUser,
)
from notification_dispatcher.domain.contact import Contact, ContactAddress


@dataclass(kw_only=True)
class InMemoryContactDirectory:
    """Contacts in a dictionary; can be made to fail. Keeps which users were looked up, in order."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    is_down: bool = False
    lookups: list[str] = field(default_factory=list)

    def add(
        self,
        user_id: str,
        addresses: Mapping[ChannelName, str | Sequence[ContactAddress]],
        preferred_channel: ChannelName | None = None,
    ) -> None:
        """Make a user known. A string is the only address on its channel."""
        lists = {
            name: (ContactAddress(value=given),) if isinstance(given, str) else given
            for name, given in addresses.items()
        }
        self.contacts[user_id] = Contact(addresses=lists, preferred_channel=preferred_channel)

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer]:
        """Return the contacts that were added."""
        return {user_id: self._answer(user_id) for user_id in user_ids}

    def _answer(self, user_id: str) -> ContactAnswer:
        self.lookups.append(user_id)
        if self.is_down:
            return ContactsUnavailable("made to fail")
        return self.contacts.get(user_id) or NoSuchUser(user_id)


@dataclass(kw_only=True)
class InMemoryAddressReports:
    """Keeps what was told, each with its provider and its notification."""

    told: list[tuple[AddressReport, str, str]] = field(default_factory=list)

    def tell_used(
        self, channel: ChannelName, address: str, *, provider: str, trace_id: str
    ) -> None:
        """See `AddressReports`."""
        report = AddressReport(channel=channel, kind=ReportKind.USED, address=address)
        self.tell(report, provider=provider, trace_id=trace_id)

    def tell(self, report: AddressReport, *, provider: str, trace_id: str) -> None:
        """See `AddressReports`."""
        self.told.append((report, provider, trace_id))
