import pytest
from notification_contracts.channels import CHANNELS
from user_service.domain import (
    PreferredChannelWithoutAddress,
    User,
    UserId,
    choose_preferred_channel,
)


def test_a_wanted_channel_with_an_address_is_preferred() -> None:
    assert choose_preferred_channel({"email": "a@b.example", "push": "t"}, "push") == "push"


@pytest.mark.parametrize("wanted", ["sms", "pigeon"])
def test_a_wanted_channel_without_an_address_is_refused(wanted: str) -> None:
    with pytest.raises(PreferredChannelWithoutAddress):
        choose_preferred_channel({"email": "a@b.example"}, wanted)


def test_without_a_preference_the_first_registered_channel_with_an_address_is_preferred() -> None:
    addresses = {channel: "somewhere" for channel in reversed(CHANNELS) if channel != "email"}

    assert choose_preferred_channel(addresses, None) == "sms"


def test_who_has_no_address_prefers_nothing() -> None:
    assert choose_preferred_channel({}, None) is None


def test_a_user_keeps_their_own_copy_of_the_addresses() -> None:
    given = {"email": "a@b.example"}
    user = User.reached_at(UserId("ada"), given)

    given["email"] = "changed@b.example"

    assert user.addresses == {"email": "a@b.example"}
