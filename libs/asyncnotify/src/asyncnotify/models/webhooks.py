"""What the calls about webhooks answer."""

from datetime import datetime
from typing import Any

from asyncnotify.models.base import Answer, Page


class Webhook(Answer):
    """Who is told of what, and how it is doing."""

    required = ("id", "url")
    id: str
    url: str
    description: str | None
    events: list[str]
    statuses: list[str] | None
    channels: list[str] | None
    tags: list[str] | None
    format: str
    is_enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    waiting: int
    former_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime
    warning: str | None


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is shown this once."""

    required = ("id", "secret")
    secret: str


class WebhookList(Page[Webhook]):
    """All webhooks, oldest first."""

    entry = Webhook


class WebhookAttempt(Answer):
    """One attempt to tell a webhook of an event; `webhook_id` is the event's."""

    id: str
    webhook_id: str
    type: str
    trace_id: str | None
    at: datetime
    number: int
    outcome: str
    status_code: int | None
    duration_ms: float
    answer: str | None
    error: str | None
    next_attempt_at: datetime | None
    data: dict[str, Any]


class WebhookAttemptPage(Page[WebhookAttempt]):
    """Attempts, newest first."""

    entry = WebhookAttempt


class WebhookEventQueued(Answer):
    """What will be posted: its `webhook-id`."""

    required = ("webhook_id",)
    webhook_id: str
