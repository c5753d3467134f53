"""The `NotificationQueue`, over the queue's port."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from durable_queue.broker_guard import BrokerGuard
from durable_queue.port import (
    BodyLookup,
    BrokerClock,
    Conflict,
    Dedupe,
    Duplicate,
    DuplicateLookup,
    Enqueued,
    Message,
    MessageQueue,
    QueueUnavailable,
    SendOutcome,
)
from notification_contracts.codec import EventError, decode, encode_fields
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from notification_ledger.rules import KEPT_FIELDS
from notification_ledger.status_update import StatusUpdate
from service_kit.failpoints import afailpoint

from notification_publisher.application.ports import (
    Acceptance,
    ContentGone,
    KeyReused,
    Submission,
)
from notification_publisher.domain.notification import FIELDS, Notification

_KEPT: Final = tuple(name for name in FIELDS if name in KEPT_FIELDS)
"""What the record is to keep of what was asked for."""


class SendingQueue(MessageQueue, DuplicateLookup, BrokerClock, Protocol):
    """What this needs of a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurableNotificationQueue:
    """A `NotificationQueue`: the queue stores a notification and its record in one atomic step."""

    queue: SendingQueue
    broker: BrokerGuard

    async def accept(self, submission: Submission) -> Acceptance:
        """See `NotificationQueue.accept`."""
        await afailpoint("publish.before_write")
        outcome = await self._send(self._message(submission))
        await afailpoint("publish.after_write")
        # Its own id: an earlier try of this very send, whose reply was lost, had stored it.
        if isinstance(outcome, Enqueued) or outcome.id == submission.trace_id:
            return Acceptance(trace_id=submission.trace_id, status=submission.status)
        return _first_answer(outcome)

    async def time(self) -> datetime:
        """See `NotificationQueue.time`."""
        return await self.queue.time()

    async def recall(self, key: str, fingerprint: str) -> Acceptance | None:
        """See `NotificationQueue.recall`."""
        known = await self.queue.recall(Dedupe(key=key, fingerprint=fingerprint))
        return _first_answer(known) if known else None

    async def _send(self, message: Message) -> SendOutcome:
        await self.broker.admit()
        try:
            return await self.queue.send(message)
        except QueueUnavailable:
            self.broker.doubt()
            raise

    def _message(self, submission: Submission) -> Message:
        notification = submission.notification
        asked = notification.asked()
        return Message(
            id=submission.trace_id,
            lane=validation_lane(notification.priority),
            body=_event(submission, asked),
            due_at=notification.due_at(submission.requested_at),
            expires_at=notification.expires_at,
            dedupe=_dedupe(submission),
            note=_note(submission, asked),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContents:
    """The `NotificationContents`, of what the queue keeps."""

    queue: BodyLookup

    async def content_of(self, trace_id: TraceId) -> Notification | None:
        """See `NotificationContents.content_of`."""
        body = await self.queue.body_of(trace_id)
        if body is None:
            return None
        try:
            event = decode(body)
        except EventError as error:
            raise ContentGone(
                trace_id, f"What was put into the queue can't be read: {error}"
            ) from None
        return Notification(**{name: getattr(event, name) for name in FIELDS})


def _event(submission: Submission, asked: Mapping[str, Any]) -> bytes:
    fields = {
        **asked,
        "trace_id": submission.trace_id,
        "requested_at": submission.requested_at,
    }
    if submission.request_id is not None:
        fields["request_id"] = submission.request_id
    return encode_fields(fields, is_test=submission.is_test)


def _note(submission: Submission, asked: Mapping[str, Any]) -> bytes:
    kept = {name: asked[name] for name in _KEPT if name in asked}
    is_test = submission.is_test or None
    return StatusUpdate(status=submission.status, is_test=is_test, **kept).encode()


def _dedupe(submission: Submission) -> Dedupe | None:
    if submission.key is None:
        return None
    return Dedupe(
        key=submission.key, fingerprint=submission.fingerprint, answer=submission.status.value
    )


def _first_answer(known: Duplicate | Conflict) -> Acceptance:
    if isinstance(known, Conflict):
        raise KeyReused(TraceId(known.id), "the key was used for another request")
    return Acceptance(trace_id=TraceId(known.id), status=Status(known.answer), replayed=True)
