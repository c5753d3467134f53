"""How a user can be reached, and on which channel a notification is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.states import Reason

from notification_dispatcher.domain.verdicts import Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A user's addresses, one per channel at most, and the channel that the user prefers."""

    addresses: Mapping[ChannelName, str] = field(repr=False)  # personal: kept out of tracebacks
    preferred_channel: ChannelName | None = None

    def address_on(self, channel: ChannelName) -> str | None:
        """Return the address on this channel; None if there is none."""
        return self.addresses.get(channel) or None


def choose_channel(contact: Contact, requested: str | None) -> ChannelName | Failed:
    """Take the channel asked for, else the preferred one, else the first that has an address.

    A channel asked for is never replaced by another; a preference without an address is.
    """
    if requested is not None:
        return _requested(contact, requested)
    preferred = contact.preferred_channel
    if preferred is not None and preferred in CHANNELS and contact.address_on(preferred):
        return preferred
    return next((name for name in CHANNELS if contact.address_on(name)), no_address(None))


def no_address(channel: ChannelName | None) -> Failed:
    """Give up, for want of an address on this channel; None means on any."""
    detail = f"the user has no address on {channel or 'any channel'}"
    return Failed(reason=Reason.NO_ADDRESS, detail=detail)


def _requested(contact: Contact, channel: str) -> ChannelName | Failed:
    if channel not in CHANNELS:
        return Failed(reason=Reason.UNKNOWN_CHANNEL, detail="there is no such channel")
    return channel if contact.address_on(channel) else no_address(channel)
