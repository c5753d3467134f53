"""What is known of a notification: plain values, for every layer. Times are aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notification_contracts.states import Status

MAX_PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to a notification. `reason` is a code, `detail` is for people."""

    at: datetime
    status: Status
    reason: str | None = None
    detail: str | None = None
    channel: str | None = None
    provider: str | None = None
    attempt: int | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """Where a notification is, why, and everything that happened to it, oldest first.

    `user_id` and `channel` are None until they are known: an event that a foreign producer pushed
    is first read by a worker. `attempts` counts what was handed to a provider so far.
    `next_attempt_at` is set while it waits for a time, be it the next attempt or `send_at`.
    `is_dead_letter` says that it failed and may still be replayed or deleted.
    """

    trace_id: str
    user_id: str | None
    channel: str | None
    status: Status
    reason: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    timeline: tuple[TimelineEntry, ...]
    is_dead_letter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """Which records to list; every filter that is set must hold.

    `since` (inclusive) and `until` (exclusive) bound `updated_at`, which is for a dead letter the
    time at which it was given up. `dead_letters` asks for those that failed and were not deleted.
    `cursor` is the `next_cursor` of the page before, under the same filters.

    Raises:
        ValueError: `limit` is not within 1 to `MAX_PAGE`.
    """

    status: Status | None = None
    user_id: str | None = None
    channel: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    dead_letters: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            message = f"limit must be 1 to {MAX_PAGE}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Records, newest first. `next_cursor` is None on the last page.

    A page may be shorter than `limit`, even empty, and still have a `next_cursor`: a rare match
    among many records is looked for in bounded steps.
    """

    items: tuple[NotificationRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A notification's status after something happened to it. `id` orders all changes."""

    id: str
    trace_id: str
    user_id: str | None
    channel: str | None
    status: Status
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesMissed:
    """Stands in a feed where changes may be missing: they are no longer kept."""
