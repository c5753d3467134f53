"""What clients send, and what they are answered at once."""

from pydantic import BaseModel, ConfigDict, Field

from notification_contracts.events import AskedFields
from notification_contracts.http.fields import KnownChannel
from notification_contracts.states import Status


class NotificationRequest(AskedFields):
    """What a client asks for: tell this user this message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: KnownChannel | None = Field(
        default=None, description="The channel; without it the user's preferred channel is used."
    )


class NotificationContent(AskedFields):
    """What was asked for, as it is kept until the notification has ended."""


class NotificationAccepted(BaseModel):
    """The answer to an accepted request. `trace_id` finds the notification again, everywhere."""

    trace_id: str
    status: Status
    status_url: str
    segments: int | None = Field(
        default=None,
        description="How many segments the message takes as an SMS; there if `channel` is `sms`.",
    )
