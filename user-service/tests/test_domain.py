from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import CHANNELS
from user_service.domain.health import Suppression
from user_service.domain.user import (
    Address,
    PreferredChannelWithoutAddress,
    User,
    UserId,
    choose_preferred_channel,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(days=1)


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


def reached_at(*tokens: str, added_at: datetime = AT, label: str | None = None) -> User:
    addresses = [Address(address=token, added_at=added_at, label=label) for token in tokens]
    return User(id=UserId("ada"), addresses={"push": addresses}, preferred_channel="push")


def test_addresses_that_stay_keep_their_age_and_the_labels_are_the_new_ones() -> None:
    used = Address(address="old", added_at=AT, last_used_at=LATER)
    earlier = User(id=UserId("ada"), addresses={"push": [used]}, preferred_channel="push")

    kept = reached_at("new", "old", added_at=LATER, label="phone").keeping(earlier)

    new, old = kept.addresses["push"]
    assert (new.added_at, new.last_used_at) == (LATER, None)
    assert (old.added_at, old.last_used_at, old.label) == (AT, LATER, "phone")


def test_the_same_text_on_another_channel_is_another_address() -> None:
    earlier = User.reached_at(UserId("ada"), {"chat": "t"}, added_at=AT)

    kept = reached_at("t", added_at=LATER).keeping(earlier)

    assert kept.addresses["push"][0].added_at == LATER


def test_the_first_address_that_may_be_sent_to_is_the_one_of_the_channel() -> None:
    bounced = Suppression(reason=ReportKind.BOUNCE, since=AT)
    paused = Suppression(reason=ReportKind.SOFT_BOUNCE, since=AT, until=LATER)
    addresses = [
        Address(address="bounced", added_at=AT, suppression=bounced),
        Address(address="paused", added_at=AT, suppression=paused),
        Address(address="good", added_at=AT),
    ]

    def on_email(*shown: Address, now: datetime = AT) -> str | None:
        user = User(id=UserId("ada"), addresses={"email": shown}, preferred_channel=None)
        return user.address_on("email", now)

    assert on_email(*addresses) == "good"
    assert on_email(*addresses, now=LATER) == "paused"
    assert on_email(*addresses[:2]) == "bounced"
    assert on_email() is None
