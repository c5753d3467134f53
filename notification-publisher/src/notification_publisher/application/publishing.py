"""Accepting notifications."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from durable_queue.port import QueueError
from notification_contracts.http.callers import Caller
from notification_contracts.trace_ids import TraceId

from notification_publisher.application.ports import (
    Acceptance,
    NotificationQueue,
    PublisherError,
    Submission,
    TimesNotGranted,
)
from notification_publisher.domain.notification import Notification

AT_ONCE = 100
"""As many of a batch are handed over together; between two such lots others get their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One notification of a batch, and its client's idempotency key."""

    notification: Notification
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishNotification:
    """Accept a request once: whatever is answered with an acceptance is stored before.

    A repetition under the same idempotency key gets the first answer, even when the times that it
    asks for have passed since. The key counts among those of its caller.
    """

    queue: NotificationQueue
    new_trace_id: Callable[[], TraceId]

    async def __call__(
        self,
        notification: Notification,
        *,
        caller: Caller,
        key: str | None = None,
        request_id: str | None = None,
    ) -> Acceptance:
        """Accept one. Raises `TimesNotGranted`, and what `NotificationQueue.accept` raises."""
        now = await self.queue.time()
        return await self._accept(notification, key, caller, now, request_id)

    async def each(
        self, asked: Sequence[Asked], *, caller: Caller, request_id: str | None = None
    ) -> Sequence[Acceptance | PublisherError | QueueError]:
        """Accept each of many, or say in its place why not: what `__call__` would have raised.

        Raises:
            QueueUnavailable: none was accepted.
        """
        now = await self.queue.time()
        outcomes: list[Acceptance | PublisherError | QueueError] = []
        for first in range(0, len(asked), AT_ONCE):
            lot = asked[first : first + AT_ONCE]
            outcomes += await asyncio.gather(
                *(self._acceptance_or_error(each, caller, now, request_id) for each in lot)
            )
        return outcomes

    async def _acceptance_or_error(
        self, asked: Asked, caller: Caller, now: datetime, request_id: str | None
    ) -> Acceptance | PublisherError | QueueError:
        try:
            return await self._accept(asked.notification, asked.key, caller, now, request_id)
        except (PublisherError, QueueError) as error:
            return error

    async def _accept(
        self,
        notification: Notification,
        key: str | None,
        caller: Caller,
        now: datetime,
        request_id: str | None,
    ) -> Acceptance:
        key = caller.own(key) if key else None
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
                is_test=caller.is_test,
            )
        )
