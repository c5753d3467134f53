"""Events between services: versioned, additive only. Unknown fields are ignored."""

import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from notification_contracts.states import Priority
from notification_contracts.timestamps import Timestamp

EVENT_TYPE: Final = "notification.requested"
USER_ID_MAX_CHARS = 128
MESSAGE_MAX_CHARS = 10_000
SUBJECT_MAX_CHARS = 255
REQUEST_ID_MAX_CHARS = 128
HTML_MAX_CHARS = 100_000
DATA_MAX_BYTES = 4_096
MAX_TAGS = 10
TAG_MAX_CHARS = 64
REFERENCE_MAX_CHARS = 255

NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]*$"
NO_NUL = r"^[^\x00]*$"
UserId = Annotated[
    str, Field(min_length=1, max_length=USER_ID_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS)
]
Tag = Annotated[str, Field(min_length=1, max_length=TAG_MAX_CHARS, pattern=r"^[A-Za-z0-9_.:-]*$")]
Reference = Annotated[
    str, Field(min_length=1, max_length=REFERENCE_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS)
]


def _or_normal(priority: object) -> object:
    return Priority.NORMAL if priority is None else priority


def _or_false(flag: object) -> object:
    return False if flag is None else flag


def _nullable(schema: dict[str, Any]) -> None:
    reference = {"$ref": schema.pop("$ref")}
    schema["anyOf"] = [reference, {"type": "null"}]


PriorityOrNull = Annotated[
    Priority, BeforeValidator(_or_normal), Field(json_schema_extra=_nullable)
]
"""A priority; null is as good as not given, as with all that may be left out."""


def _small(data: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (ValueError, TypeError):
        raise PydanticCustomError("invalid_value", "must be JSON, with finite numbers") from None
    if size > DATA_MAX_BYTES:
        raise PydanticCustomError(
            "too_long",
            "must be at most {limit} bytes as compact JSON, not {size}",
            {"limit": DATA_MAX_BYTES, "size": size},
        )
    return data


def _unlike(tags: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(set(tags)) < len(tags):
        raise PydanticCustomError("invalid_value", "must not have the same label twice")
    return tags or None


Data = Annotated[dict[str, Any], AfterValidator(_small)]
"""A JSON object of at most `DATA_MAX_BYTES`, as compact UTF-8."""

Tags = Annotated[
    tuple[Tag, ...],
    Field(max_length=MAX_TAGS, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_unlike),
]
"""Labels, each once; none is as good as not given."""


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
    html: str | None = Field(
        default=None,
        min_length=1,
        max_length=HTML_MAX_CHARS,
        pattern=NO_NUL,
        description="The message as HTML, for e-mail; `message` stays the text beside it.",
    )
    data: Data | None = Field(
        default=None,
        description=f"What an app gets with a push: at most {DATA_MAX_BYTES} bytes as JSON.",
    )
    tags: Tags | None = Field(
        default=None, description="Your labels, by which notifications are listed."
    )
    reference: Reference | None = Field(
        default=None, description="Your own id for it, by which it is found again."
    )


class NotificationRequested(AskedFields):
    """A client asked that a user be told something.

    Only `user_id` and `message` are required, so that a producer without this library can push an
    event by hand.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["notification.requested"] = EVENT_TYPE
    version: int = Field(default=1, ge=1)
    trace_id: str | None = None
    requested_at: Timestamp | None = None
    request_id: str | None = Field(
        default=None, max_length=REQUEST_ID_MAX_CHARS, pattern=NO_CONTROL_CHARACTERS
    )
    is_test: Annotated[bool, BeforeValidator(_or_false)] = Field(
        default=False, description="It is captured, and reaches no provider."
    )

    @model_validator(mode="after")
    def _expires_after_it_is_sent(self) -> Self:
        if self.send_at and self.expires_at and self.expires_at <= self.send_at:
            message = "expires_at must be later than send_at"
            raise ValueError(message)
        return self
