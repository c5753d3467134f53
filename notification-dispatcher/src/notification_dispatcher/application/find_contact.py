"""Look up a user's contact; every failure is a verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.states import Reason

from notification_dispatcher.application.ports import (
    ContactDirectory,
    ContactsUnavailable,
    NoSuchUser,
)
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.retries import growing
from notification_dispatcher.domain.verdicts import Deferred, Failed

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContact:
    """Find a user's contact. Without an answer the notification waits, longer each time."""

    contacts: ContactDirectory
    random: Callable[[], float]

    async def __call__(self, user_id: str, *, deferrals: int) -> Contact | Deferred | Failed:
        """Return the contact, or the verdict that follows from having none."""
        try:
            return await self.contacts.contact_of(user_id)
        except NoSuchUser:
            return Failed(reason=Reason.UNKNOWN_USER, detail="there is no such user")
        except ContactsUnavailable as error:
            delay = growing(deferrals, self.random(), first=FIRST_WAIT, cap=LONGEST_WAIT)
            return Deferred(delay=delay, reason=Reason.CONTACTS_UNAVAILABLE, detail=str(error))
