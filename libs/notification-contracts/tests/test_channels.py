"""The registry of channels."""

import pytest
from notification_contracts.channels import CHANNELS, AddressKind, Channel, register


def test_what_is_built_in() -> None:
    assert {name: channel.address_kind for name, channel in CHANNELS.items()} == {
        "email": AddressKind.EMAIL,
        "sms": AddressKind.PHONE,
        "push": AddressKind.TOKEN,
        "webhook": AddressKind.URL,
        "chat": AddressKind.TEXT,
    }


@pytest.mark.usefixtures("channels")
def test_a_registered_channel_is_known() -> None:
    fax = Channel(name="fax", address_kind=AddressKind.PHONE)

    register(fax)

    assert CHANNELS["fax"] is fax


@pytest.mark.usefixtures("channels")
def test_registering_the_same_channel_twice_changes_nothing() -> None:
    register(Channel(name="fax", address_kind=AddressKind.PHONE))
    register(Channel(name="fax", address_kind=AddressKind.PHONE))

    assert list(CHANNELS) == ["email", "sms", "push", "webhook", "chat", "fax"]


@pytest.mark.usefixtures("channels")
def test_another_channel_under_a_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'email' is registered already"):
        register(Channel(name="email", address_kind=AddressKind.TOKEN))

    assert CHANNELS["email"].address_kind is AddressKind.EMAIL


@pytest.mark.parametrize("name", ["", "Fax", "fax.de", "fax de", "user_id", "preferred_channel"])
@pytest.mark.usefixtures("channels")
def test_a_name_that_would_break_queue_names_or_bodies_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="channel's name"):
        register(Channel(name=name, address_kind=AddressKind.TOKEN))

    assert name not in CHANNELS
