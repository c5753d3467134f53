import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from notification_contracts.channels import CHANNELS, ChannelName

from user_service.application.ports import (
    AddressNormaliser,
    InvalidAddress,
    StoredUser,
    UserWriter,
)
from user_service.domain.user import (
    Address,
    PreferredChannelWithoutAddress,
    User,
    UserId,
    choose_preferred_channel,
)

PREFERRED_CHANNEL = "preferred_channel"

AT_ONCE = 50
"""As many contacts are examined before others get their turn: it takes about 5 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAddress:
    """An address as it was given, and where: the place is named by whoever gave it."""

    place: str
    address: str = field(repr=False)
    label: str | None = None


Given = Mapping[ChannelName, Sequence[GivenAddress]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFault:
    """What is wrong at one place: its name, a stable code, and words without the value."""

    place: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedContact:
    """Whose contact is to be stored, and what was given of it."""

    user_id: UserId
    given: Given
    preferred_channel: ChannelName | None


class InvalidContact(Exception):
    """Raised when a contact breaks rules; `faults` holds every one of them."""

    def __init__(self, faults: tuple[ContactFault, ...]) -> None:
        super().__init__(", ".join(f"{fault.place}: {fault.code}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """Store a user's whole contact, every address in its canonical form.

    Nothing of an earlier contact is kept but the age of addresses that stay. A preferred channel
    must have an address; when none is given, the first channel with an address is preferred.
    """

    users: UserWriter
    normalise: AddressNormaliser
    now: Callable[[], datetime]

    async def __call__(self, asked: AskedContact) -> StoredUser:
        """Store the user.

        Raises:
            InvalidContact: with all faults at once; nothing is stored.
            UsersUnavailable: the store cannot answer now.
        """
        now = self.now()
        return await self.users.put(self._user(asked, now), at=now)

    async def each(self, asked: Sequence[AskedContact]) -> Sequence[bool | InvalidContact]:
        """Store all whose contact is valid; tell of each whether it is new, or what is wrong.

        One user may be among them several times: the last one counts, the first one is new.

        Raises:
            UsersUnavailable: the store cannot answer now; sending them again is safe.
        """
        now = self.now()
        outcomes: list[bool | InvalidContact] = []
        users: dict[UserId, User] = {}
        first_at: dict[UserId, int] = {}
        for place, each in enumerate(asked):
            outcomes.append(False)
            try:
                user = users[each.user_id] = self._user(each, now)
            except InvalidContact as error:
                outcomes[place] = error
            else:
                first_at.setdefault(user.id, place)
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        if users:
            for new in await self.users.put_many(list(users.values()), at=now):
                outcomes[first_at[new]] = True
        return outcomes

    def faults_of(
        self, given: Given, preferred_channel: ChannelName | None
    ) -> tuple[ContactFault, ...]:
        """Return everything that is wrong with a contact, and store nothing."""
        return self._examine(given, preferred_channel, self.now())[1]

    def _user(self, asked: AskedContact, now: datetime) -> User:
        addresses, faults = self._examine(asked.given, asked.preferred_channel, now)
        if faults:
            raise InvalidContact(faults)
        chosen = choose_preferred_channel(addresses, asked.preferred_channel)
        return User(id=asked.user_id, addresses=addresses, preferred_channel=chosen)

    def _examine(
        self, given: Given, preferred_channel: ChannelName | None, now: datetime
    ) -> tuple[dict[ChannelName, Sequence[Address]], tuple[ContactFault, ...]]:
        found: dict[ChannelName, Sequence[Address]] = {}
        faults: list[ContactFault] = []
        for channel, on_channel in given.items():
            each: dict[str, Address] = {}
            for one in on_channel:
                try:
                    address = self.normalise(CHANNELS[channel].address_kind, one.address)
                except InvalidAddress as error:
                    faults.append(_fault(one, "invalid_address", str(error)))
                    continue
                if address in each:
                    faults.append(_fault(one, "duplicate", "is the same as one before it"))
                each[address] = Address(address=address, label=one.label, added_at=now)
            if each:
                found[channel] = tuple(each.values())
        # Judged by what was given: an invalid address is one fault, not two.
        reached_on = [channel for channel, on_channel in given.items() if on_channel]
        return found, (*faults, *_preference_faults(reached_on, preferred_channel))


def _fault(given: GivenAddress, code: str, message: str) -> ContactFault:
    return ContactFault(place=given.place, code=code, message=message)


def _preference_faults(
    reached_on: Sequence[ChannelName], preferred_channel: ChannelName | None
) -> Iterator[ContactFault]:
    try:
        choose_preferred_channel(reached_on, preferred_channel)
    except PreferredChannelWithoutAddress:
        yield ContactFault(
            place=f"/{PREFERRED_CHANNEL}",
            code="no_address",
            message="must be a channel on which an address is given",
        )
