"""What the use cases need from the outside, and what can go wrong there.

Errors:

    PublisherError
    ├── PublishingUnavailable  the queue can't take anything now
    ├── TooManyWaiting         the queue holds as many notifications as it may
    ├── RecordsUnavailable     the record of notifications can't be read now
    ├── UnknownCursor          a cursor, or a change's id, is not one that was handed out
    ├── TimesNotGranted        the request asks for times that can't be
    ├── KeyReused              an idempotency key was used for another request
    ├── UnknownNotification    no notification has this trace id
    ├── PastCancelling         it is being sent, or has ended
    ├── UnknownDeadLetter      no dead letter has this trace id
    └── NotADeadLetter         the notification is not, or no longer, a dead letter
        └── DeadLetterGone     its message is no longer in the broker
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from notification_ledger.record import (
    ChangesMissed,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
)

from notification_publisher.domain.notification import Notification
from notification_publisher.domain.timing import TimeFault


class PublisherError(Exception):
    """Base of all errors of this application."""


class PublishingUnavailable(PublisherError):
    """Raised when the queue can't take anything now."""


class TooManyWaiting(PublisherError):
    """Raised when the queue holds as many notifications as it may."""


class RecordsUnavailable(PublisherError):
    """Raised when the record of notifications can't be read now."""


class UnknownCursor(PublisherError):
    """Raised when a cursor, or a change's id, is not one that was handed out."""


class TimesNotGranted(PublisherError):
    """Raised when the request asks for times that can't be."""

    def __init__(self, faults: tuple[TimeFault, ...]) -> None:
        super().__init__(", ".join(fault.pointer for fault in faults))
        self.faults = faults


class NotificationError(PublisherError):
    """Base of the errors that concern one notification; `trace_id` is None if it was malformed."""

    def __init__(self, trace_id: TraceId | None, detail: str = "") -> None:
        super().__init__(detail)
        self.trace_id = trace_id


class KeyReused(NotificationError):
    """Raised when an idempotency key was used for another request, which `trace_id` names."""


class UnknownNotification(NotificationError):
    """Raised when no notification has this trace id."""


class PastCancelling(NotificationError):
    """Raised when a notification is being sent, or has ended."""


class UnknownDeadLetter(NotificationError):
    """Raised when no dead letter has this trace id."""


class NotADeadLetter(NotificationError):
    """Raised when a notification is not, or no longer, a dead letter."""


class DeadLetterGone(NotADeadLetter):
    """Raised when somebody took a dead letter's message out of the broker by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A notification under its name, about to be stored.

    `key` is the client's idempotency key; without one `fingerprint` is empty.
    """

    trace_id: TraceId
    notification: Notification
    status: Status
    requested_at: datetime
    key: str | None = None
    fingerprint: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What a client is told, now and whenever it repeats the request under the same key."""

    trace_id: TraceId
    status: Status
    replayed: bool = False


class Outbox(Protocol):
    """Where notifications are handed over."""

    async def accept(self, submission: Submission) -> Acceptance:
        """Store record and queue entry in one atomic step, durably, then return.

        A repetition under the same key stores nothing and returns the first answer, `replayed`.

        Raises:
            KeyReused: the key belongs to another request.
            TooManyWaiting: there is no room.
            PublishingUnavailable: it may or may not be stored.
        """
        ...

    async def time(self) -> datetime:
        """Return the time with which times of notifications are compared: not this process's.

        Raises:
            PublishingUnavailable: it can't be told now.
        """
        ...

    async def recall(self, key: str, fingerprint: str) -> Acceptance | None:
        """Return what `accept` would answer to a repetition; None if the key is not known.

        Raises `KeyReused` and `PublishingUnavailable` as `accept` does.
        """
        ...


class NotificationRecords(Protocol):
    """The record of every notification. Both methods raise `RecordsUnavailable`."""

    async def get(self, trace_id: TraceId) -> NotificationRecord | None:
        """Return one notification with its timeline."""
        ...

    async def find(self, query: RecordQuery) -> RecordPage:
        """Return one page, newest first. Raises `UnknownCursor`.

        A page may be short, even empty, and still have a next one.
        """
        ...


class StatusFeed(Protocol):
    """Status changes as they happen."""

    async def position(self, after: str | None = None) -> str:
        """Return the change's id from which to go on: `after`, or else the latest.

        Raises:
            UnknownCursor: `after` is no change's id.
            RecordsUnavailable: the latest can't be found out now.
        """
        ...

    def changes(
        self, after: str, trace_id: TraceId | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed, None]:
        """Follow what happens after the change `after`, for ever; of one notification or of all.

        `ChangesMissed` stands where some were too long ago, or too many at once.

        Raises:
            RecordsUnavailable: what has passed can't be read; come back with the last id.
        """
        ...


class History(Protocol):
    """What has ended, and what it takes to remember it. All methods raise `RecordsUnavailable`."""

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """Forget what ended before a time, at most `limit`, what ended first first; how many.

        With `dry_run` nothing is forgotten, and it is how many there are.
        """
        ...

    async def overdue(self, by: timedelta) -> int:
        """Count notifications that wait, though their time came at least `by` ago."""
        ...

    async def fullness(self) -> float | None:
        """Return which share of its memory the store uses, 0 to 1; None if it has no limit."""
        ...

    async def time(self) -> datetime:
        """Return the time by which ends are noted: not this process's."""
        ...


class Interventions(Protocol):
    """What may be done to a notification from outside: each one atomic, against any worker.

    All methods return False when it is unknown or in a state in which this can't be done, and raise
    `PublishingUnavailable`.
    """

    async def cancel(self, trace_id: TraceId) -> bool:
        """Withdraw a notification that no provider has seen yet."""
        ...

    async def replay(self, trace_id: TraceId, delay: timedelta) -> bool:
        """Queue a dead letter again, `delay` from now, its attempts counted anew.

        Raises:
            DeadLetterGone: nothing can bring it back; it can be deleted.
        """
        ...

    async def delete(self, trace_id: TraceId) -> bool:
        """Forget a dead letter's bytes; its record stays."""
        ...
