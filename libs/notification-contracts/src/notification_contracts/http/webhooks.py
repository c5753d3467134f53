"""Status webhooks: who is told of status changes, and what became of it."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt
from pydantic_core import PydanticCustomError, Url

from notification_contracts.channels import AddressKind
from notification_contracts.events import MAX_TAGS, NO_CONTROL_CHARACTERS, Tag
from notification_contracts.http.fields import KnownChannel
from notification_contracts.states import Status
from notification_contracts.webhooks import (
    OPERATOR_EVENTS,
    AttemptOutcome,
    DisabledFor,
    EventKind,
    WebhookFormat,
)

_ONE_DAY_S: Final = 86_400
_URL_MAX_CHARS: Final = AddressKind.URL.max_chars
_ASKABLE: Final = (EventKind.STATUS_CHANGED, *OPERATOR_EVENTS)
_SOME: Final[dict[str, Any]] = {"uniqueItems": True, "minItems": 1}


def _web_address(text: str) -> str:
    try:
        url = Url(text)
    except ValueError:
        url = None
    if url is None or url.scheme not in {"http", "https"} or not url.host:
        raise PydanticCustomError("invalid_value", "is not an http:// or https:// URL")
    if url.username or url.password:
        # It would stand in lists and logs. What is sent is signed.
        raise PydanticCustomError("invalid_value", "must not hold a user or a password")
    if len(str(url)) > _URL_MAX_CHARS:
        raise PydanticCustomError("too_long", "is too long once it is encoded")
    return str(url)


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # As a limit of the field it would be found too short whenever an item is wrong.
    if not values:
        raise PydanticCustomError("too_short", "must not be empty")
    if len(set(values)) < len(values):
        raise PydanticCustomError("invalid_value", "must not have the same value twice")
    return values


def _askable(kind: EventKind) -> EventKind:
    if kind not in _ASKABLE:
        raise PydanticCustomError(
            "invalid_value", "must be one of {kinds}", {"kinds": ", ".join(_ASKABLE)}
        )
    return kind


def _askable_schema(schema: dict[str, Any]) -> None:
    schema.clear()
    schema.update(title="WebhookEventType", type="string", enum=list(_ASKABLE))


Askable = Annotated[EventKind, AfterValidator(_askable), Field(json_schema_extra=_askable_schema)]
Events = Annotated[
    tuple[Askable, ...],
    Field(max_length=len(_ASKABLE), json_schema_extra=_SOME),
    AfterValidator(_some),
]
Statuses = Annotated[
    tuple[Status, ...],
    Field(max_length=len(Status), json_schema_extra=_SOME),
    AfterValidator(_some),
]
Channels = Annotated[
    tuple[KnownChannel, ...],
    Field(max_length=100, json_schema_extra=_SOME),
    AfterValidator(_some),
]
WantedTags = Annotated[
    tuple[Tag, ...],
    Field(max_length=MAX_TAGS, json_schema_extra=_SOME),
    AfterValidator(_some),
]


class WebhookRequest(BaseModel):
    """An endpoint, and of what it is told. A filter that is not given lets everything through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_web_address)] = Field(
        min_length=1,
        max_length=_URL_MAX_CHARS,
        description="Where events are posted.",
        examples=["https://example.com/notifications"],
    )
    description: str | None = Field(
        default=None, max_length=255, pattern=NO_CONTROL_CHARACTERS, description="Your own words."
    )
    events: Events = Field(
        default=(EventKind.STATUS_CHANGED,),
        description="Of what it is told: of status changes, and of what operators should know.",
    )
    statuses: Statuses | None = Field(
        default=None, description="Only changes to one of these statuses."
    )
    channels: Channels | None = Field(
        default=None, description="Only of notifications on one of these channels."
    )
    tags: WantedTags | None = Field(
        default=None, description="Only of notifications with one of these labels."
    )
    format: WebhookFormat = Field(
        default=WebhookFormat.STANDARD,
        description="`standard`: as Standard Webhooks recommend; `cloudevents`: CloudEvents 1.0 in "
        "structured mode. Both are signed.",
    )
    is_enabled: StrictBool = Field(
        default=True, description="False keeps the endpoint, and tells it nothing."
    )


class RotateRequest(BaseModel):
    """How a secret is replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_seconds: StrictInt = Field(
        default=_ONE_DAY_S,
        ge=0,
        le=7 * _ONE_DAY_S,
        description="How long events are signed with the former secret, too.",
    )


class WebhookView(BaseModel):
    """An endpoint, and how it is doing.

    `waiting` counts the events that it has not taken yet; `failing_since` is set while it takes
    nothing. `disabled_reason` says why one that is not enabled is not. `warning` says what stands
    in the way of telling it anything.
    """

    id: str
    url: str
    description: str | None
    events: list[EventKind]
    statuses: list[Status] | None
    channels: list[str] | None
    tags: list[str] | None
    format: WebhookFormat
    is_enabled: bool
    disabled_reason: DisabledFor | None
    disabled_at: datetime | None
    failing_since: datetime | None
    waiting: int
    former_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
    warning: str | None


class WebhookWithSecretView(WebhookView):
    """An endpoint with its secret, which is shown this once."""

    secret: str


class WebhookListView(BaseModel):
    """All endpoints, oldest first."""

    items: list[WebhookView]


class WebhookAttemptView(BaseModel):
    """One attempt to tell an endpoint of an event.

    `webhook_id` is the event's, the same in each attempt. `answer` is how the answer began.
    """

    id: str
    webhook_id: str
    type: EventKind
    trace_id: str | None
    at: datetime
    number: int
    outcome: AttemptOutcome
    status_code: int | None
    duration_ms: float
    answer: str | None
    error: str | None
    next_attempt_at: datetime | None
    data: dict[str, Any]


class WebhookAttemptPageView(BaseModel):
    """Attempts, newest first. `next_cursor` is null on the last page."""

    items: list[WebhookAttemptView]
    next_cursor: str | None


class WebhookEventQueuedView(BaseModel):
    """What will be posted: `webhook_id` finds its attempts."""

    webhook_id: str
