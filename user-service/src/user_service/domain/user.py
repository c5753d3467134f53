"""A user: the addresses at which a person can be reached, and the channel they prefer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NewType, Self

from notification_contracts.channels import CHANNELS, ChannelName

from user_service.domain.health import Suppression

UserId = NewType("UserId", str)


class PreferredChannelWithoutAddress(ValueError):
    """Raised when a user prefers a channel on which they cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of a user, such as one of their devices."""

    address: str = field(repr=False)
    label: str | None = None
    added_at: datetime
    last_used_at: datetime | None = None
    suppression: Suppression | None = None

    def is_good(self, now: datetime) -> bool:
        """Tell whether it may be sent to."""
        return self.suppression is None or not self.suppression.holds_at(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person's contact. Addresses are normalised; a channel without an address is absent."""

    id: UserId
    addresses: Mapping[ChannelName, Sequence[Address]]
    preferred_channel: ChannelName | None

    @classmethod
    def reached_at(
        cls,
        user_id: UserId,
        addresses: Mapping[ChannelName, str],
        *,
        added_at: datetime,
        preferred_channel: ChannelName | None = None,
    ) -> Self:
        """Make a user with one address on each of these channels.

        Raises:
            PreferredChannelWithoutAddress: there is no address on the preferred channel.
        """
        each = {name: (Address(address=at, added_at=added_at),) for name, at in addresses.items()}
        chosen = choose_preferred_channel(addresses, preferred_channel)
        return cls(id=user_id, addresses=each, preferred_channel=chosen)

    def address_on(self, channel: ChannelName, now: datetime) -> str | None:
        """Return the first address that may be sent to; the first of all if none may."""
        addresses = self.addresses.get(channel, ())
        for each in addresses:
            if each.is_good(now):
                return each.address
        return addresses[0].address if addresses else None

    def keeping(self, earlier: "User") -> "User":
        """Return this contact with what was known before of the addresses that stay."""
        known = {
            (channel, each.address): each
            for channel, addresses in earlier.addresses.items()
            for each in addresses
        }

        def kept(channel: ChannelName, address: Address) -> Address:
            before = known.get((channel, address.address))
            if before is None:
                return address
            return replace(address, added_at=before.added_at, last_used_at=before.last_used_at)

        addresses = {
            channel: tuple(kept(channel, each) for each in given)
            for channel, given in self.addresses.items()
        }
        return replace(self, addresses=addresses)


def choose_preferred_channel(
    reached_on: Collection[ChannelName], wanted: ChannelName | None
) -> ChannelName | None:
    """Return the wanted channel, or else the first registered one that has an address.

    None when nothing is wanted and there is no address at all.

    Raises:
        PreferredChannelWithoutAddress: the wanted channel has no address.
    """
    if wanted is None:
        return next((channel for channel in CHANNELS if channel in reached_on), None)
    if wanted not in reached_on:
        raise PreferredChannelWithoutAddress(wanted)
    return wanted
