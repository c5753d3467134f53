"""What clients send, and what they are told of their notifications."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from notification_contracts.events import AskedFields
from notification_contracts.http.fields import KnownChannel
from notification_contracts.states import Status


class NotificationRequest(AskedFields):
    """What a client asks for: tell this user this message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: KnownChannel | None = Field(
        default=None, description="How; without it the user's preferred channel is used."
    )


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


class ReplayedNotificationView(NotificationView):
    """A dead letter that was queued again. `warning` says why it might reach its user twice."""

    warning: str | None


class NotificationPage(BaseModel):
    """Notifications, newest first. `next_cursor` is null on the last page."""

    items: list[NotificationView]
    next_cursor: str | None


class StatusChangeView(BaseModel):
    """What a `status` event of a live stream carries."""

    trace_id: str
    user_id: str | None
    channel: str | None
    status: Status
    reason: str | None
    at: datetime
