"""Decide whether a notification can be delivered, to whom, and on which channel."""

from dataclasses import dataclass

from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason

from notification_dispatcher.application.find_contact import FindContact, without_address
from notification_dispatcher.domain.contact import (
    Contact,
    NoAddress,
    UnknownChannel,
    choose_channel,
)
from notification_dispatcher.domain.verdicts import Failed, Validated, ValidationVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateNotification:
    """Choose the channel on which a notification is delivered.

    It fails when there is no such user, channel or address, and deferred, with no attempt
    used up, while contacts can't be looked up.
    """

    find_contact: FindContact

    async def __call__(self, event: NotificationRequested, *, deferrals: int) -> ValidationVerdict:
        """Decide. `deferrals` is how often it was put off in this stage."""
        contact = await self.find_contact(event.user_id, deferrals=deferrals)
        if not isinstance(contact, Contact):
            return contact
        match choose_channel(contact, event.channel):
            case UnknownChannel():
                return Failed(reason=Reason.UNKNOWN_CHANNEL, detail="there is no such channel")
            case NoAddress(channel=channel):
                return without_address(channel)
            case chosen:
                return Validated(channel=chosen)
