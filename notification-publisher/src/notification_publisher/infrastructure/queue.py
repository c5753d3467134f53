"""The ports to the queue, over the kit's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from durable_queue.broker import Broker
from durable_queue.port import (
    BrokerClock,
    Conflict,
    ControlOutcome,
    Dedupe,
    Duplicate,
    DuplicateLookup,
    Enqueued,
    Message,
    MessageControl,
    MessageQueue,
    QueueFull,
    QueueUnavailable,
    SendOutcome,
    UnsafeBroker,
)
from notification_contracts.codec import encode
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from notification_ledger.notes import StatusNote
from service_kit.failpoints import afailpoint

from notification_publisher.application.ports import (
    Acceptance,
    DeadLetterGone,
    KeyReused,
    PublishingUnavailable,
    Submission,
    TooManyWaiting,
)

_GONE: Final = (
    "Its message is not among the broker's dead letters: somebody purged, consumed or moved it. "
    "It can be deleted; to send it, ask for a new notification."
)


class SendingQueue(MessageQueue, DuplicateLookup, BrokerClock, Protocol):
    """What the outbox needs of a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOutbox:
    """An `Outbox`: the queue stores a notification and its record in one atomic step."""

    queue: SendingQueue
    broker: Broker
    max_attempts: int

    async def accept(self, submission: Submission) -> Acceptance:
        """See `Outbox.accept`."""
        with _translated():
            await afailpoint("publish.before_write")
            outcome = await self._send(self._message(submission))
            await afailpoint("publish.after_write")
        # Its own id: an earlier try of this very send, whose reply was lost, had stored it.
        if isinstance(outcome, Enqueued) or outcome.id == submission.trace_id:
            return Acceptance(trace_id=submission.trace_id, status=submission.status)
        return _first_answer(outcome)

    async def time(self) -> datetime:
        """See `Outbox.time`."""
        with _translated():
            return await self.queue.time()

    async def recall(self, key: str, fingerprint: str) -> Acceptance | None:
        """See `Outbox.recall`."""
        with _translated():
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
        asked = submission.notification
        return Message(
            id=submission.trace_id,
            lane=validation_lane(asked.priority),
            body=encode(_event(submission)),
            due_at=asked.due_at(submission.requested_at),
            expires_at=asked.expires_at,
            max_attempts=self.max_attempts,
            dedupe=_dedupe(submission),
            note=StatusNote(
                status=submission.status, user_id=asked.user_id, channel=asked.channel
            ).encode(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInterventions:
    """`Interventions` over the queue's control."""

    control: MessageControl

    async def cancel(self, trace_id: TraceId) -> bool:
        """See `Interventions.cancel`."""
        with _translated():
            return await self.control.cancel(trace_id) is ControlOutcome.DONE

    async def replay(self, trace_id: TraceId, delay: timedelta) -> bool:
        """See `Interventions.replay`."""
        with _translated():
            outcome = await self.control.replay(trace_id, delay)
        if outcome is ControlOutcome.GONE:
            raise DeadLetterGone(trace_id, _GONE)
        return outcome is ControlOutcome.DONE

    async def delete(self, trace_id: TraceId) -> bool:
        """See `Interventions.delete`."""
        with _translated():
            return await self.control.delete(trace_id) is ControlOutcome.DONE


def _event(submission: Submission) -> NotificationRequested:
    asked = submission.notification
    return NotificationRequested(
        trace_id=submission.trace_id,
        user_id=asked.user_id,
        message=asked.message,
        channel=asked.channel,
        subject=asked.subject,
        priority=asked.priority,
        send_at=asked.send_at,
        expires_at=asked.expires_at,
        requested_at=submission.requested_at,
        request_id=submission.request_id,
    )


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


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except QueueFull as error:
        raise TooManyWaiting(str(error)) from error
    except (QueueUnavailable, UnsafeBroker) as error:
        raise PublishingUnavailable(str(error)) from error
