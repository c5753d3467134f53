from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from notification_contracts.channels import CHANNELS, ChannelName

from user_service.application.ports import AddressNormaliser, InvalidAddress, UserWriter
from user_service.domain import (
    PreferredChannelWithoutAddress,
    User,
    UserId,
    choose_preferred_channel,
)

PREFERRED_CHANNEL = "preferred_channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFault:
    """What is wrong with one field: its name, a stable code, and words without the value."""

    field: str
    code: str
    message: str


class InvalidContact(Exception):
    """Raised when a contact breaks rules; `faults` holds every one of them."""

    def __init__(self, faults: tuple[ContactFault, ...]) -> None:
        super().__init__(", ".join(f"{fault.field}: {fault.code}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUser:
    """The user as stored; `is_new` when the id was unknown before."""

    user: User
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """Store a user's whole contact, every address in its canonical form.

    Nothing of an earlier contact is kept. A preferred channel must have an address; when none is
    given, the first channel with an address is preferred.
    """

    users: UserWriter
    normalise: AddressNormaliser
    now: Callable[[], datetime]

    async def __call__(
        self,
        user_id: UserId,
        addresses: Mapping[ChannelName, str],
        preferred_channel: ChannelName | None,
    ) -> StoredUser:
        """Store the user.

        Raises:
            InvalidContact: with all faults at once; nothing is stored.
            UsersUnavailable: the store cannot answer now.
        """
        normalised, faults = self._examine(addresses, preferred_channel)
        if faults:
            raise InvalidContact(faults)
        user = User.reached_at(user_id, normalised, preferred_channel=preferred_channel)
        return StoredUser(user=user, is_new=await self.users.put(user, at=self.now()))

    def faults_of(
        self, addresses: Mapping[ChannelName, str], preferred_channel: ChannelName | None
    ) -> tuple[ContactFault, ...]:
        """Return everything that is wrong with a contact, and store nothing."""
        return self._examine(addresses, preferred_channel)[1]

    def _examine(
        self, addresses: Mapping[ChannelName, str], preferred_channel: ChannelName | None
    ) -> tuple[dict[ChannelName, str], tuple[ContactFault, ...]]:
        normalised: dict[ChannelName, str] = {}
        faults: list[ContactFault] = []
        for channel, address in addresses.items():
            try:
                normalised[channel] = self.normalise(CHANNELS[channel].address_kind, address)
            except InvalidAddress as error:
                faults.append(
                    ContactFault(field=channel, code="invalid_address", message=str(error))
                )
        # Judged by what was given: an invalid address is one fault, not two.
        return normalised, (*faults, *_preference_faults(addresses, preferred_channel))


def _preference_faults(
    addresses: Mapping[ChannelName, str], preferred_channel: ChannelName | None
) -> Iterator[ContactFault]:
    try:
        choose_preferred_channel(addresses, preferred_channel)
    except PreferredChannelWithoutAddress:
        yield ContactFault(
            field=PREFERRED_CHANNEL,
            code="no_address",
            message="must be a channel on which an address is given",
        )
