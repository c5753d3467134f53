"""The user-service as a contact directory, and what stands before it."""

from notification_dispatcher.infrastructure.contacts.http import HttpContactLookup
from notification_dispatcher.infrastructure.contacts.lookup import Answer, ContactLookup
from notification_dispatcher.infrastructure.contacts.shared import ContactLimits, SharedContacts

__all__ = ["Answer", "ContactLimits", "ContactLookup", "HttpContactLookup", "SharedContacts"]
