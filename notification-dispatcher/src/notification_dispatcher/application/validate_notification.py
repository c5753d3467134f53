"""Decide whether a notification can be delivered, to whom, and on which channel."""

from dataclasses import dataclass

from notification_contracts.events import NotificationRequested

from notification_dispatcher.application.find_contact import FindContact
from notification_dispatcher.domain.contact import Contact, choose_channel
from notification_dispatcher.domain.verdicts import Failed, Validated, ValidationVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateNotification:
    """Choose the channel on which a notification is delivered.

    It fails when there is no such user, channel or address, and is deferred, with no attempt used
    up, while contacts can't be looked up.
    """

    find_contact: FindContact

    async def __call__(self, event: NotificationRequested, *, deferrals: int) -> ValidationVerdict:
        """Decide. `deferrals` is how often it was put off in this stage."""
        contact = await self.find_contact(event.user_id, deferrals=deferrals)
        if not isinstance(contact, Contact):
            return contact
        chosen = choose_channel(contact, event.channel)
        return chosen if isinstance(chosen, Failed) else Validated(channel=chosen)
