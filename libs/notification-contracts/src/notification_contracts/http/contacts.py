"""Users and their addresses. Built, not written, so that a registered channel has its field."""

from datetime import datetime
from enum import StrEnum
from types import GenericAlias
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model

from notification_contracts.channels import CHANNELS
from notification_contracts.events import UserId
from notification_contracts.http.fields import KnownChannel

ADDRESSES_PER_CHANNEL: Final = 20


class AddressStanding(StrEnum):
    """Whether an address is sent to."""

    GOOD = "good"
    SUPPRESSED = "suppressed"


class SuppressionView(BaseModel):
    """Why an address is not sent to. `until` is null if nothing but a release ends it."""

    reason: str = Field(
        description="`opt_out`, `complaint`, `gone`, `bounce` or `soft_bounce`; of several the "
        "weightiest."
    )
    evidence: str | None = Field(description="What was said, in the provider's words.")
    since: datetime
    until: datetime | None


class AddressView(BaseModel):
    """One address, how long it is known, and whether it is sent to."""

    address: str
    label: str | None
    added_at: datetime
    last_used_at: datetime | None
    health: AddressStanding
    suppression: SuppressionView | None


class _Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")


def contact_info_model() -> type[BaseModel]:
    """Build the body of `/users/{user_id}/contact-info`: addresses and a preference.

    A channel's own field has one address, `addresses` has all of them.
    """
    return create_model(
        "ContactInfo",
        __base__=_Contact,
        **_address_fields(),
        preferred_channel=(KnownChannel | None, None),
        addresses=(
            create_model("Addresses", __base__=_Contact, **_list_fields()),
            Field(description="All addresses on each channel, in the order given."),
        ),
    )


def user_model() -> type[BaseModel]:
    """Build the body of `/users/{user_id}`: its contact info under its id."""
    return create_model("User", __base__=contact_info_model(), user_id=(UserId, ...))


def user_page_model() -> type[BaseModel]:
    """Build the body of `/users`: one page of users."""
    fields: dict[str, Any] = {
        "items": (GenericAlias(list, (user_model(),)), ...),
        "next_cursor": (str | None, None),
    }
    return create_model("UserPage", **fields)


def _address_fields() -> dict[str, Any]:
    return {
        name: (
            str | None,
            Field(
                default=None,
                max_length=channel.address_kind.max_chars,
                description=f"{channel.address_kind} address: the first that is good; the first of "
                "all if none is",
            ),
        )
        for name, channel in CHANNELS.items()
    }


def _list_fields() -> dict[str, Any]:
    return {name: (GenericAlias(list, (AddressView,)), ...) for name in CHANNELS}
