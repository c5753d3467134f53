"""What the calls about notifications answer."""

from datetime import datetime
from typing import Any

from asyncnotify.models.base import Answer, HasStatus, Page


class Target(Answer):
    """What came of one of several addresses."""

    target: str
    outcome: str
    provider: str | None
    message_id: str | None
    reason: str | None
    detail: str | None


class TimelineEntry(HasStatus):
    """One thing that happened to a notification."""

    at: datetime
    reason: str | None
    detail: str | None
    channel: str | None
    provider: str | None
    attempt: int | None
    duration_ms: float | None
    message_id: str | None
    targets: list[Target] | None
    delivery_mode: str | None


class Notification(HasStatus):
    """A notification: where it is, why, and everything that happened to it."""

    required = ("trace_id", "status", "timeline")
    trace_id: str
    user_id: str | None
    channel: str | None
    reason: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    timeline: list[TimelineEntry]
    tags: list[str]
    reference: str | None
    delivery_mode: str | None
    is_test: bool


class ReplayedNotification(Notification):
    """A dead letter that was queued again; `warning` says why it might reach its user twice."""

    warning: str | None


class Accepted(HasStatus):
    """What was accepted. After `send(wait=…)` its status is the last one that was seen."""

    required = ("trace_id", "status", "status_url")
    trace_id: str
    status_url: str
    segments: int | None

    @property
    def notification(self) -> Notification | None:
        """Return the whole notification, if it ended while the call waited for it."""
        return Notification(self) if "timeline" in self else None


class Fact(Answer):
    """A figure on which an explanation rests, as text."""

    name: str
    value: str


class Explanation(HasStatus):
    """Why a notification is where it is. `sentence` is `where`, `why`, `next`, `advice` in one.

    `actions` are what can be done with it now: cancel, replay, delete.
    """

    required = ("trace_id", "sentence")
    trace_id: str
    reason: str | None
    sentence: str
    where: str
    why: str | None
    next: str
    advice: str | None
    actions: list[str]
    facts: list[Fact]


class ForeseenTarget(Answer):
    """An address: its label or place, its `health`, and whether it would be sent to first."""

    target: str
    health: str
    is_used: bool


class Foreseen(Answer):
    """What would become of a notification, as things stand."""

    required = ("would_be_sent", "sentence")
    would_be_sent: bool
    reason: str | None
    channel: str | None
    sentence: str
    targets: list[ForeseenTarget]
    provider: str | None
    waits_until: datetime | None
    delivery: str


class Content(Answer):
    """What was asked for."""

    required = ("user_id", "message")
    user_id: str
    message: str
    channel: str | None
    subject: str | None
    priority: str | None
    send_at: datetime | None
    expires_at: datetime | None
    html: str | None
    data: dict[str, Any] | None
    tags: list[str]
    reference: str | None


class StatusChange(HasStatus):
    """A status change; `event` is `status`, or `missed` where some changes are no longer kept."""

    event: str
    id: str | None
    trace_id: str | None
    user_id: str | None
    channel: str | None
    reason: str | None
    at: datetime | None


class NotificationPage(Page[Notification]):
    """Notifications, newest first."""

    entry = Notification


class Replayed(Answer):
    """How many dead letters matched, and were queued again."""

    required = ("matched", "replayed", "trace_ids")
    matched: int
    replayed: int
    dry_run: bool
    trace_ids: list[str]
    ambiguous: int
    gone: list[str]
    warning: str | None


class Forgotten(Answer):
    """How many notifications were forgotten; while there are `more`, call again."""

    required = ("forgotten", "more")
    forgotten: int
    more: bool
    dry_run: bool
