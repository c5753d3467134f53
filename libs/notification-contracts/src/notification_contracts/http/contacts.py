"""Users and their addresses. Built, not written, so that a registered channel has its field."""

from types import GenericAlias
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from notification_contracts.channels import CHANNELS
from notification_contracts.events import UserId
from notification_contracts.http.fields import KnownChannel


class _Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")


def contact_info_model() -> type[BaseModel]:
    """Build the body of `/users/{user_id}/contact-info`: one address per channel, a preference."""
    return create_model(
        "ContactInfo",
        __base__=_Contact,
        **_address_fields(),
        preferred_channel=(KnownChannel | None, None),
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
                description=f"{channel.address_kind} address",
            ),
        )
        for name, channel in CHANNELS.items()
    }
