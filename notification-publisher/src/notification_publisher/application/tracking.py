"""Answering for notifications: where they are, and withdrawing them."""

from dataclasses import dataclass

from notification_contracts.states import Status
from notification_contracts.trace_ids import parse_trace_id
from notification_ledger.record import NotificationRecord, RecordPage, RecordQuery

from notification_publisher.application.ports import (
    Interventions,
    NotificationRecords,
    PastCancelling,
    UnknownNotification,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowNotification:
    """Tell where a notification is and what happened to it; a malformed trace id names none."""

    records: NotificationRecords

    async def __call__(self, trace_id: str) -> NotificationRecord:
        known = parse_trace_id(trace_id)
        record = await self.records.get(known) if known else None
        if record is None:
            raise UnknownNotification(trace_id)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNotifications:
    """List notifications, newest first, a page at a time."""

    records: NotificationRecords

    async def __call__(self, query: RecordQuery) -> RecordPage:
        return await self.records.find(query)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNotification:
    """Withdraw a notification before any provider has seen it.

    Exactly one of this and the worker that is about to send it wins. Cancelling again changes
    nothing and is no error, so that a client may repeat a call whose answer it never saw.
    """

    interventions: Interventions
    show: ShowNotification

    async def __call__(self, trace_id: str) -> NotificationRecord:
        known = parse_trace_id(trace_id)
        if known is None:
            raise UnknownNotification(trace_id)
        await self.interventions.cancel(known)
        record = await self.show(known)
        if record.status is not Status.CANCELLED:
            raise PastCancelling(known, f"it is {record.status}")
        return record
