from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from notification_contracts.channels import AddressKind
from user_service.application.find_users import ShowUser
from user_service.application.ports import InvalidAddress, UnknownUser, UsersUnavailable
from user_service.application.remove_user import RemoveUser
from user_service.application.store_user import (
    AskedContact,
    Given,
    GivenAddress,
    InvalidContact,
    StoreUser,
)
from user_service.domain.user import User, UserId
from user_service.infrastructure.memory import InMemoryUsers

ADA = UserId("ada")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def in_lower_case(kind: AddressKind, address: str) -> str:
    if address == "bad":
        raise InvalidAddress(f"is no {kind}")
    return address.lower()


def given(**addresses: str | Sequence[str]) -> Given:
    return {
        channel: [
            GivenAddress(place=f"{channel} {index}", address=address)
            for index, address in enumerate([each] if isinstance(each, str) else each)
        ]
        for channel, each in addresses.items()
    }


def asked(given: Given, preferred_channel: str | None = None, user_id: str = ADA) -> AskedContact:
    return AskedContact(user_id=UserId(user_id), given=given, preferred_channel=preferred_channel)


@pytest.fixture
def store(users: InMemoryUsers) -> StoreUser:
    return StoreUser(users=users, normalise=in_lower_case, now=lambda: AT)


async def test_every_address_is_stored_in_its_canonical_form(
    store: StoreUser, users: InMemoryUsers
) -> None:
    stored = await store(asked(given(email="A@B.EXAMPLE", push="T"), "push"))

    assert stored.user == User.reached_at(
        ADA, {"email": "a@b.example", "push": "t"}, added_at=AT, preferred_channel="push"
    )
    assert await users.get(ADA) == stored.user


async def test_without_a_preference_a_channel_with_an_address_is_preferred(
    store: StoreUser,
) -> None:
    stored = await store(asked(given(push="t"), None))

    assert stored.user.preferred_channel == "push"


async def test_a_user_is_new_only_once(store: StoreUser) -> None:
    first = await store(asked({}, None))
    second = await store(asked(given(push="t"), None))

    assert (first.is_new, second.is_new) == (True, False)


async def test_all_faults_are_told_at_once(store: StoreUser) -> None:
    with pytest.raises(InvalidContact) as refusal:
        await store(asked(given(email="bad", sms="bad"), "push"))

    assert [(fault.place, fault.code) for fault in refusal.value.faults] == [
        ("email 0", "invalid_address"),
        ("sms 0", "invalid_address"),
        ("/preferred_channel", "no_address"),
    ]


async def test_an_invalid_address_on_the_preferred_channel_is_one_fault(store: StoreUser) -> None:
    assert [each.place for each in store.faults_of(given(email="bad"), "email")] == ["email 0"]


async def test_addresses_stay_in_the_order_given(store: StoreUser) -> None:
    stored = await store(asked(given(push=["z", "A", "m"]), None))

    assert [each.address for each in stored.user.addresses["push"]] == ["z", "a", "m"]


async def test_the_same_address_twice_is_a_fault_in_whatever_form_it_is_written(
    store: StoreUser,
) -> None:
    faults = store.faults_of(given(email=["A@b.example", "bad", "a@B.example"], push="t"), None)

    assert [(each.place, each.code) for each in faults] == [
        ("email 1", "invalid_address"),
        ("email 2", "duplicate"),
    ]


async def test_an_empty_list_is_no_address(store: StoreUser) -> None:
    faults = store.faults_of(given(email=[], push="t"), "email")

    assert [each.code for each in faults] == ["no_address"]
    assert "email" not in (await store(asked(given(email=[], push="t"), None))).user.addresses


async def test_nothing_of_an_invalid_contact_is_stored(
    store: StoreUser, users: InMemoryUsers
) -> None:
    with pytest.raises(InvalidContact):
        await store(asked(given(email="bad", push="t"), None))

    assert await users.get(ADA) is None


async def test_an_outage_while_storing_is_not_hidden(
    store: StoreUser, users: InMemoryUsers
) -> None:
    users.is_down = True

    with pytest.raises(UsersUnavailable):
        await store(asked({}, None))


async def test_a_removed_user_is_unknown(store: StoreUser, users: InMemoryUsers) -> None:
    await store(asked(given(push="t"), None))

    await RemoveUser(users=users)(ADA)

    with pytest.raises(UnknownUser):
        await ShowUser(users=users)(ADA)


async def test_an_unknown_user_cannot_be_removed(users: InMemoryUsers) -> None:
    with pytest.raises(UnknownUser):
        await RemoveUser(users=users)(ADA)


async def test_of_many_the_good_ones_are_stored_and_the_last_of_each_user_counts(
    store: StoreUser, users: InMemoryUsers
) -> None:
    await store(asked(given(push="old"), user_id="bob"))

    outcomes = await store.each(
        [
            asked(given(push="first")),
            asked(given(email="bad"), user_id="eve"),
            asked(given(push="new"), user_id="bob"),
            asked(given(push="last")),
        ]
    )

    assert outcomes[0] is True
    assert isinstance(outcomes[1], InvalidContact)
    assert outcomes[2:] == [False, False]
    found = {user.id: user.address_on("push", AT) for user in await users.page(after=None, limit=9)}
    assert found == {"ada": "last", "bob": "new"}
