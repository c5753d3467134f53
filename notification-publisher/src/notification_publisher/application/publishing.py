"""Accepting notifications."""

from collections.abc import Callable
from dataclasses import dataclass

from notification_contracts.trace_ids import TraceId

from notification_publisher.application.ports import (
    Acceptance,
    NotificationQueue,
    Submission,
    TimesNotGranted,
)
from notification_publisher.domain.notification import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishNotification:
    """Accept a request once: whatever is answered with an acceptance is stored before.

    A repetition under the same idempotency key gets the first answer, even when the times that it
    asks for have passed since.
    """

    queue: NotificationQueue
    new_trace_id: Callable[[], TraceId]

    async def __call__(
        self, notification: Notification, *, key: str | None = None, request_id: str | None = None
    ) -> Acceptance:
        now = await self.queue.time()
        fingerprint = notification.fingerprint() if key else ""
        faults = notification.time_faults(now)
        if faults:
            first = await self.queue.recall(key, fingerprint) if key else None
            if first is None:
                raise TimesNotGranted(faults)
            return first
        return await self.queue.accept(
            Submission(
                trace_id=self.new_trace_id(),
                notification=notification,
                status=notification.first_status(now),
                requested_at=now,
                key=key,
                fingerprint=fingerprint,
                request_id=request_id,
            )
        )
