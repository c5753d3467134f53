"""What the calls about users and their addresses answer."""

from datetime import datetime

from asyncnotify.models.base import Answer, Page


class Suppression(Answer):
    """Why an address gets nothing, since when, and until when."""

    reason: str
    evidence: str | None
    since: datetime
    until: datetime | None


class SuppressedAddress(Suppression):
    """An address that gets nothing."""

    channel: str
    address: str
    provider: str | None


class Address(Answer):
    """One address of a user, and its health: `good` or `suppressed`."""

    address: str
    label: str | None
    added_at: datetime
    last_used_at: datetime | None
    health: str
    suppression: Suppression | None


class Addresses(Answer):
    """All addresses of a user, by channel."""

    email: list[Address]
    sms: list[Address]
    push: list[Address]
    webhook: list[Address]
    chat: list[Address]


class ContactInfo(Answer):
    """Where a user is reached: one address for each channel, and all of them in `addresses`."""

    required = ("preferred_channel",)
    email: str | None
    sms: str | None
    push: str | None
    webhook: str | None
    chat: str | None
    preferred_channel: str | None
    addresses: Addresses


class User(ContactInfo):
    """A user."""

    required = ("user_id",)
    user_id: str


class UserPage(Page[User]):
    """Users, by id."""

    entry = User


class SuppressionPage(Page[SuppressedAddress]):
    """Addresses that get nothing."""

    entry = SuppressedAddress
