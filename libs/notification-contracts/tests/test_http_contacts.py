"""The bodies of `/users`."""

import pytest
from notification_contracts.channels import CHANNELS, AddressKind, Channel, register
from notification_contracts.http import contact_info_model, user_model, user_page_model
from pydantic import ValidationError


def no_addresses() -> dict[str, list[object]]:
    return {channel: [] for channel in CHANNELS}


def test_contact_info_has_the_fields_of_the_public_contract() -> None:
    fields = list(contact_info_model().model_fields)

    assert fields == ["email", "sms", "push", "webhook", "chat", "preferred_channel", "addresses"]


def test_a_user_has_an_id_beside_the_contact() -> None:
    assert set(user_model().model_fields) == {
        "user_id",
        "email",
        "sms",
        "push",
        "webhook",
        "chat",
        "preferred_channel",
        "addresses",
    }


def test_a_page_of_users_describes_its_users() -> None:
    schema = user_page_model().model_json_schema()

    assert list(schema["properties"]) == ["items", "next_cursor"]
    assert schema["properties"]["items"]["items"] == {"$ref": "#/$defs/User"}


def test_absent_addresses_are_null() -> None:
    assert contact_info_model()(addresses=no_addresses()).model_dump() == {
        "addresses": no_addresses(),
        "email": None,
        "sms": None,
        "push": None,
        "webhook": None,
        "chat": None,
        "preferred_channel": None,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"fax": "+49301234"},
        {"email": 1},
        {"email": "e" * 513},
        {"preferred_channel": "fax"},
    ],
)
def test_a_bad_field_is_one_error_at_its_place(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refusal:
        contact_info_model().model_validate({"addresses": no_addresses(), **body})

    assert [fault["loc"] for fault in refusal.value.errors()] == [tuple(body)]


@pytest.mark.usefixtures("channels")
def test_a_registered_channel_has_an_address() -> None:
    register(Channel(name="fax", address_kind=AddressKind.PHONE))

    contact = contact_info_model().model_validate(
        {"fax": "+49301234", "preferred_channel": "fax", "addresses": no_addresses()}
    )

    assert contact.model_dump()["fax"] == "+49301234"
