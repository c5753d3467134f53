"""What the use cases need from the outside, and what can go wrong there.

Errors:

    PublisherError
    ├── TimesNotGranted        the request asks for times that can't be
    ├── KeyReused              an idempotency key was used for another request
    ├── UnknownNotification    no notification has this trace id
    ├── PastCancelling         it is being sent, or has ended
    ├── ContentGone            what was asked for is not kept, or can't be shown
    ├── UnknownDeadLetter      no dead letter has this trace id
    ├── NotADeadLetter         the notification is not, or no longer, a dead letter
    │   └── DeadLetterGone     its message is no longer in the broker
    └── EndpointDisabled       nothing is sent to this endpoint

Besides, the errors of the queue's and the ledger's ports come through as they are.
"""

from datetime import datetime
from typing import Protocol

from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from service_kit.values import value

from notification_publisher.domain.notification import Notification
from notification_publisher.domain.timing import TimeFault


class PublisherError(Exception):
    """Base of all errors of this application."""


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


class ContentGone(NotificationError):
    """Raised when what was asked for is not kept any more, or can't be shown."""


class UnknownDeadLetter(NotificationError):
    """Raised when no dead letter has this trace id."""


class NoSuchChannel(Exception):
    """Raised for a channel that is not known."""


class NotADeadLetter(NotificationError):
    """Raised when a notification is not, or no longer, a dead letter."""


class DeadLetterGone(NotADeadLetter):
    """Raised when somebody took a dead letter's message out of the broker by hand."""


class EndpointDisabled(PublisherError):
    """Raised when nothing is sent to an endpoint."""


@value
class Submission:
    """A notification under its name, about to be stored.

    `key` is the client's idempotency key; without one `fingerprint` is empty. What `is_test` is
    captured, and reaches no provider.
    """

    trace_id: TraceId
    notification: Notification
    status: Status
    requested_at: datetime
    key: str | None = None
    fingerprint: str = ""
    request_id: str | None = None
    is_test: bool = False


@value
class Acceptance:
    """What a client is told, now and whenever it repeats the request under the same key."""

    trace_id: TraceId
    status: Status
    replayed: bool = False


class NotificationContents(Protocol):
    """What is in the notifications that were handed over and have not ended."""

    async def content_of(self, trace_id: TraceId) -> Notification | None:
        """Return what was asked for; None if it is not kept, or can't be looked up.

        Raises:
            QueueUnavailable: it can't be told now.
            ContentGone: what is kept is no notification.
        """
        ...


class NotificationQueue(Protocol):
    """Where notifications are handed over."""

    async def accept(self, submission: Submission) -> Acceptance:
        """Store record and queue entry in one atomic step, durably, then return.

        A repetition under the same key stores nothing and returns the first answer, `replayed`.

        Raises:
            KeyReused: the key belongs to another request.
            QueueFull: there is no room.
            QueueUnavailable: it may or may not be stored.
            UnsafeBroker: it would not be safe in the broker, and is not stored.
        """
        ...

    async def time(self) -> datetime:
        """Return the time with which times of notifications are compared: not this process's.

        Raises:
            QueueUnavailable: it can't be told now.
        """
        ...

    async def recall(self, key: str, fingerprint: str) -> Acceptance | None:
        """Return what `accept` would answer to a repetition; None if the key is not known.

        Raises `KeyReused` and `QueueUnavailable` as `accept` does.
        """
        ...
