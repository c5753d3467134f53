"""JSON bodies of the public HTTP API, shared so that one OpenAPI document describes them all."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, create_model

from notification_contracts.channels import CHANNELS
from notification_contracts.events import (
    MESSAGE_MAX_CHARS,
    NO_CONTROL_CHARACTERS,
    SUBJECT_MAX_CHARS,
    UserId,
)
from notification_contracts.states import Priority, Status

ADDRESS_MAX_CHARS = 512


def _known_channel(name: str) -> str:
    if name not in CHANNELS:
        message = f"must be one of {', '.join(CHANNELS)}"
        raise ValueError(message)
    return name


def _channel_schema(schema: dict[str, Any]) -> None:
    schema["enum"] = list(CHANNELS)


KnownChannel = Annotated[
    str, AfterValidator(_known_channel), Field(json_schema_extra=_channel_schema)
]


class NotificationRequest(BaseModel):
    """What a client asks for: tell this user this message."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)

    user_id: UserId = Field(description="Whom to tell.", examples=["user_test"])
    message: str = Field(
        min_length=1,
        max_length=MESSAGE_MAX_CHARS,
        pattern=r"^[^\x00]*$",
        description="What to tell.",
        examples=["your purchase was completed successfully"],
    )
    channel: KnownChannel | None = Field(
        default=None, description="How; without it the user's preferred channel is used."
    )
    subject: str | None = Field(
        default=None, max_length=SUBJECT_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS
    )
    priority: Priority = Priority.NORMAL
    send_at: AwareDatetime | None = Field(default=None, description="Not before this time.")
    expires_at: AwareDatetime | None = Field(default=None, description="Never after this time.")


class NotificationAccepted(BaseModel):
    """The answer to an accepted request. `trace_id` finds the notification again, everywhere."""

    trace_id: str
    status: Status
    status_url: str


class TimelineEntryView(BaseModel):
    """One thing that happened to a notification."""

    at: datetime
    status: Status
    reason: str | None = None
    detail: str | None = None
    channel: str | None = None
    provider: str | None = None
    attempt: int | None = None
    duration_ms: float | None = None


class NotificationView(BaseModel):
    """A notification: where it is, why, and everything that happened to it."""

    trace_id: str
    user_id: str | None
    channel: str | None
    status: Status
    reason: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    timeline: list[TimelineEntryView]


class NotificationPage(BaseModel):
    """Notifications, newest first. `next_cursor` is null on the last page."""

    items: list[NotificationView]
    next_cursor: str | None


class FieldError(BaseModel):
    """One bad field: where it is (RFC 6901), a stable code, and words for people."""

    pointer: str
    code: str
    message: str


class ProblemView(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    errors: list[FieldError] | None = None


class _Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _address_fields() -> dict[str, Any]:
    return {
        name: (
            str | None,
            Field(
                default=None,
                max_length=ADDRESS_MAX_CHARS,
                description=f"{channel.address_kind} address",
            ),
        )
        for name, channel in CHANNELS.items()
    }


def contact_info_model() -> type[BaseModel]:
    """Build the body of `/users/{user_id}/contact-info`: one address per channel, and a preference.

    Built, not written, so that a registered channel has its field everywhere.
    """
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
    return create_model(
        "UserPage",
        items=(list[user_model()], ...),
        next_cursor=(str | None, None),  # type: ignore[misc]
    )
