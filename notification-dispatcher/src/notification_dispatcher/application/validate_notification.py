"""Is it deliverable, to whom, and by which channel?"""

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
from notification_dispatcher.domain.verdicts import Abandoned, Forwarded, ValidationVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateNotification:
    """Forward a notification to the channel by which its user is to be told.

    It is abandoned when there is no such user, channel or address, and deferred, with no attempt
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
                return Abandoned(reason=Reason.UNKNOWN_CHANNEL, detail="there is no such channel")
            case NoAddress(channel=channel):
                return without_address(channel)
            case chosen:
                return Forwarded(channel=chosen)
