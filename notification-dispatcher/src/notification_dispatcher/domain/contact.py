"""How a user can be reached, and on which channel a notification is delivered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.states import Reason

from notification_dispatcher.domain.verdicts import Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactAddress:
    """One address of a user. `suppressed` says why nothing is sent to it; None if it is good."""

    value: str = field(repr=False)  # personal: kept out of tracebacks
    label: str | None = None
    suppressed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A user's addresses on each channel, in order, and the channel that the user prefers."""

    addresses: Mapping[ChannelName, Sequence[ContactAddress]] = field(repr=False)
    preferred_channel: ChannelName | None = None

    def on(self, channel: ChannelName) -> Sequence[ContactAddress]:
        """Return the addresses on this channel, suppressed ones included."""
        return self.addresses.get(channel, ())

    def is_reachable_on(self, channel: ChannelName) -> bool:
        """Tell whether there is a good address on this channel."""
        return any(address.suppressed is None for address in self.on(channel))


def choose_channel(contact: Contact, requested: str | None) -> ChannelName | Failed:
    """Take the channel asked for, else the preferred one, else the first with a good address.

    A channel asked for is never replaced by another; a preference without a good address is.
    """
    if requested is not None:
        return _requested(contact, requested)
    preferred = contact.preferred_channel
    if preferred is not None and preferred in CHANNELS and contact.is_reachable_on(preferred):
        return preferred
    reachable = (name for name in CHANNELS if contact.is_reachable_on(name))
    return next(reachable, None) or unreachable(contact, None)


def unreachable(contact: Contact, channel: ChannelName | None) -> Failed:
    """Give up, for want of a good address on this channel; None means on any."""
    names = list(CHANNELS) if channel is None else [channel]
    found = [address.suppressed for name in names for address in contact.on(name)]
    if not found:
        detail = f"the user has no address on {channel or 'any channel'}"
        return Failed(reason=Reason.NO_ADDRESS, detail=detail)
    why = ", ".join(sorted({reason for reason in found if reason}))
    which = "the address" if len(found) == 1 else f"all {len(found)} addresses"
    return Failed(reason=Reason.SUPPRESSED, detail=f"nothing is sent to {which}: {why}")


def _requested(contact: Contact, channel: str) -> ChannelName | Failed:
    if channel not in CHANNELS:
        return Failed(reason=Reason.UNKNOWN_CHANNEL, detail="there is no such channel")
    return channel if contact.is_reachable_on(channel) else unreachable(contact, channel)
