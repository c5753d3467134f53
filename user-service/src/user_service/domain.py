"""A user: the addresses at which a person can be reached, and the channel they prefer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType, Self

from notification_contracts.channels import CHANNELS, ChannelName

UserId = NewType("UserId", str)


class PreferredChannelWithoutAddress(ValueError):
    """Raised when a user prefers a channel on which they cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person's contact. Addresses are normalised; a channel without an address is absent."""

    id: UserId
    addresses: Mapping[ChannelName, str]
    preferred_channel: ChannelName | None

    @classmethod
    def reached_at(
        cls,
        user_id: UserId,
        addresses: Mapping[ChannelName, str],
        *,
        preferred_channel: ChannelName | None = None,
    ) -> Self:
        """Make a user who keeps the rule of `choose_preferred_channel`.

        Raises:
            PreferredChannelWithoutAddress: there is no address on the preferred channel.
        """
        chosen = choose_preferred_channel(addresses, preferred_channel)
        return cls(id=user_id, addresses=dict(addresses), preferred_channel=chosen)


def choose_preferred_channel(
    addresses: Mapping[ChannelName, str], wanted: ChannelName | None
) -> ChannelName | None:
    """Return the wanted channel, or else the first registered one that has an address.

    None when nothing is wanted and there is no address at all.

    Raises:
        PreferredChannelWithoutAddress: the wanted channel has no address.
    """
    if wanted is None:
        return next((channel for channel in CHANNELS if channel in addresses), None)
    if wanted not in addresses:
        raise PreferredChannelWithoutAddress(wanted)
    return wanted
