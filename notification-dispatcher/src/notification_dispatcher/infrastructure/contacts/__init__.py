"""The user-service as a contact directory, and a cache before it."""

from notification_dispatcher.infrastructure.contacts.cache import CachedContacts, CacheLimits
from notification_dispatcher.infrastructure.contacts.http import HttpContactDirectory

__all__ = ["CacheLimits", "CachedContacts", "HttpContactDirectory"]
