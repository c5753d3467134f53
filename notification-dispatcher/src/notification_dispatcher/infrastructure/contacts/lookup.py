"""The port behind a batching contact directory: many contacts in one call."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from notification_dispatcher.application.ports import ContactsUnavailable, NoSuchUser
from notification_dispatcher.domain.contact import Contact

Answer = Contact | NoSuchUser | ContactsUnavailable
"""What came of one user's look-up: one that failed takes no other with it."""


class ContactLookup(Protocol):
    """Knows how users can be reached."""

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, Answer]:
        """Look up different users, as they are now. Every failure is an answer."""
        ...
