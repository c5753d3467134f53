"""Events between services: versioned, additive only. Unknown fields are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from notification_contracts.states import Priority
from notification_contracts.timestamps import Timestamp

USER_ID_MAX_CHARS = 128
MESSAGE_MAX_CHARS = 10_000
SUBJECT_MAX_CHARS = 255
REQUEST_ID_MAX_CHARS = 128

NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]*$"
NO_NUL = r"^[^\x00]*$"
UserId = Annotated[
    str, Field(min_length=1, max_length=USER_ID_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS)
]


def _or_normal(priority: object) -> object:
    return Priority.NORMAL if priority is None else priority


def _nullable(schema: dict[str, Any]) -> None:
    reference = {"$ref": schema.pop("$ref")}
    schema["anyOf"] = [reference, {"type": "null"}]


PriorityOrNull = Annotated[
    Priority, BeforeValidator(_or_normal), Field(json_schema_extra=_nullable)
]
"""A priority; null is as good as not given, as with all that may be left out."""


class AskedFields(BaseModel):
    """What can be said of a notification that is asked for, in a request and in its event."""

    user_id: UserId = Field(description="Whom to tell.", examples=["user_test"])
    message: str = Field(
        min_length=1,
        max_length=MESSAGE_MAX_CHARS,
        pattern=NO_NUL,
        description="What to tell.",
        examples=["your purchase was completed successfully"],
    )
    channel: str | None = Field(
        default=None, description="The channel; without it the user's preferred channel is used."
    )
    subject: str | None = Field(
        default=None, max_length=SUBJECT_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS
    )
    priority: PriorityOrNull = Priority.NORMAL
    send_at: Timestamp | None = Field(default=None, description="Not before this time.")
    expires_at: Timestamp | None = Field(default=None, description="Never after this time.")


class NotificationRequested(AskedFields):
    """A client asked that a user be told something.

    Only `user_id` and `message` are required, so that a producer without this library can push an
    event by hand.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["notification.requested"] = "notification.requested"
    version: int = Field(default=1, ge=1)
    trace_id: str | None = None
    requested_at: Timestamp | None = None
    request_id: str | None = Field(
        default=None, max_length=REQUEST_ID_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS
    )

    @model_validator(mode="after")
    def _expires_after_it_is_sent(self) -> Self:
        if self.send_at and self.expires_at and self.expires_at <= self.send_at:
            message = "expires_at must be later than send_at"
            raise ValueError(message)
        return self
