"""How a user can be reached, and on which channel a notification is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from notification_contracts.channels import CHANNELS, ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A user's addresses, one per channel at most, and the channel that the user prefers."""

    addresses: Mapping[ChannelName, str] = field(repr=False)  # personal: kept out of tracebacks
    preferred_channel: ChannelName | None = None

    def address_on(self, channel: ChannelName) -> str | None:
        """Return the address on this channel; None if there is none."""
        return self.addresses.get(channel) or None


@dataclass(frozen=True, slots=True)
class UnknownChannel:
    """The notification asks for a channel that this release does not know."""

    channel: str


@dataclass(frozen=True, slots=True)
class NoAddress:
    """The user can't be reached: on the channel asked for, or on any."""

    channel: ChannelName | None


def choose_channel(
    contact: Contact, requested: str | None
) -> ChannelName | UnknownChannel | NoAddress:
    """Take the channel asked for, else the preferred one, else the first that has an address.

    A channel asked for is never replaced by another; a preference without an address is.
    """
    if requested is not None:
        return _requested(contact, requested)
    preferred = contact.preferred_channel
    if preferred is not None and preferred in CHANNELS and contact.address_on(preferred):
        return preferred
    return next((name for name in CHANNELS if contact.address_on(name)), NoAddress(None))


def _requested(contact: Contact, channel: str) -> ChannelName | UnknownChannel | NoAddress:
    if channel not in CHANNELS:
        return UnknownChannel(channel)
    return channel if contact.address_on(channel) else NoAddress(channel)
