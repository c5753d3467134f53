"""Decide whether a notification can be delivered, to whom, and on which channel."""

from notification_contracts.events import NotificationRequested

from notification_dispatcher.application.find_contact import FoundContact
from notification_dispatcher.domain.contact import Contact, choose_channel
from notification_dispatcher.domain.verdicts import Failed, Validated, ValidationVerdict


def validated(event: NotificationRequested, contact: FoundContact) -> ValidationVerdict:
    """Choose the channel on which a notification is delivered.

    It fails when there is no such user, channel or address, and is deferred, with no attempt used
    up, while contacts can't be looked up.
    """
    if not isinstance(contact, Contact):
        return contact
    chosen = choose_channel(contact, event.channel)
    return chosen if isinstance(chosen, Failed) else Validated(channel=chosen)
