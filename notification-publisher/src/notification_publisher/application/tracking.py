"""Answering for notifications: where they are, following them, and withdrawing them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from durable_queue.port import MessageControl
from notification_contracts.http.callers import NotForTestKeys
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId, parse_trace_id
from notification_ledger.reading import (
    ChangesMissed,
    LedgerReader,
    NotificationRecord,
    StatusChange,
    parse_change_id,
)

from notification_publisher.application.ports import (
    ContentGone,
    NotificationContents,
    PastCancelling,
    UnknownNotification,
)
from notification_publisher.domain.notification import Notification

_IN_TURN = (
    "It is kept in a broker that gives notifications out in turn and finds none by its id"
    " (RabbitMQ). On Redis it can be shown until it has ended."
)
CATCH_UP_SECONDS = 1.0
"""How long changes that have happened may take to arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowNotification:
    """Tell where a notification is and what happened to it; a malformed trace id names none."""

    ledger: LedgerReader

    async def __call__(self, trace_id: str) -> NotificationRecord:
        known = parse_trace_id(trace_id)
        record = await self.ledger.get(known) if known else None
        if record is None:
            raise UnknownNotification(known)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowContent:
    """Tell what was asked for, while it is kept: until it is sent, cancelled, expired or deleted.

    That of a dead letter stays, for a replay needs it.
    """

    show: ShowNotification
    contents: NotificationContents

    async def __call__(self, trace_id: str) -> Notification:
        record = await self.show(trace_id)
        known = TraceId(record.trace_id)
        content = await self.contents.content_of(known)
        if content is not None:
            return content
        # It may have ended meanwhile.
        record = await self.show(trace_id)
        has_ended = record.status.is_final and not record.is_dead_letter
        raise ContentGone(known, _deleted(record) if has_ended else _IN_TURN)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNotification:
    """Withdraw a notification that is not being sent.

    Where the outcome of an earlier attempt is not known, it is cancelled with reason `ambiguous`:
    it is not sent again, but a provider may have it. Exactly one of this and the worker that is
    about to send it wins. Cancelling again changes nothing and is no error, so that a client may
    repeat a call whose answer it never saw. With `only_tests` what is meant for people is left.
    """

    control: MessageControl
    show: ShowNotification

    async def __call__(self, trace_id: str, *, only_tests: bool = False) -> NotificationRecord:
        known = parse_trace_id(trace_id)
        if known is None:
            raise UnknownNotification(known)
        if only_tests and not (await self.show(known)).is_test:
            raise NotForTestKeys("this notification was asked for with a live key")
        await self.control.cancel(known)
        record = await self.show(known)
        if record.status is not Status.CANCELLED:
            raise PastCancelling(known, f"Its status is {record.status}.")
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchNotifications:
    """Follow the changes of all notifications, from now on or after the last one seen."""

    ledger: LedgerReader

    async def __call__(
        self, after: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed, None]:
        return self.ledger.changes(await _position(self.ledger, after))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchNotification:
    """Follow one notification: where it is now, then each change, until it has ended.

    A client that returns with the id of the last change it saw gets the missed ones in place of
    the present state; and None when the notification has ended and nothing was missed.
    """

    ledger: LedgerReader

    async def __call__(
        self, trace_id: str, after: str | None = None
    ) -> AsyncGenerator[StatusChange, None] | None:
        known = parse_trace_id(trace_id)
        if known is None:
            raise UnknownNotification(known)
        # The position is taken first: whatever happens after the reading comes after it.
        position = await _position(self.ledger, after)
        record = await self._read(known)
        if after is None:
            return self._follow(known, position, [_state(record, position)])
        if not record.status.is_final:
            return self._follow(known, position, [])
        missed = await self._missed(record, position)
        return self._follow(known, position, missed) if missed else None

    async def _follow(
        self, trace_id: TraceId, position: str, first: Sequence[StatusChange]
    ) -> AsyncGenerator[StatusChange, None]:
        while True:
            for change in first:
                yield change
                if change.status.is_final:
                    return
            async with aclosing(self.ledger.changes(position, trace_id=trace_id)) as changes:
                async for each in changes:
                    if isinstance(each, ChangesMissed):
                        break
                    yield each
                    if each.status.is_final:
                        return
            position = await self.ledger.latest_change()
            first = [_state(await self._read(trace_id), position)]

    async def _missed(self, record: NotificationRecord, position: str) -> list[StatusChange]:
        """Return what happened to an ended notification after `position`, up to an end of it."""
        missed: list[StatusChange] = []
        changes = self.ledger.changes(position, trace_id=record.trace_id)
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS), aclosing(changes):
                async for each in changes:
                    if isinstance(each, ChangesMissed):
                        return [_state(record, await self.ledger.latest_change())]
                    missed.append(each)
                    if each.status.is_final:
                        break
        except TimeoutError:
            pass
        return missed

    async def _read(self, trace_id: TraceId) -> NotificationRecord:
        record = await self.ledger.get(trace_id)
        if record is None:
            raise UnknownNotification(trace_id)
        return record


def _deleted(record: NotificationRecord) -> str:
    at = record.updated_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return (
        f"It ended as {record.status} ({at}); its content is deleted then, and its history stays."
    )


async def _position(ledger: LedgerReader, after: str | None) -> str:
    """Return the change from which to go on: `after`, or else the latest.

    Raises:
        InvalidCursor: `after` is no change's id.
    """
    if after is None:
        return await ledger.latest_change()
    parse_change_id(after)
    return after


def _state(record: NotificationRecord, position: str) -> StatusChange:
    return StatusChange(
        id=position,
        trace_id=record.trace_id,
        user_id=record.user_id,
        channel=record.channel,
        status=record.status,
        reason=record.reason,
        at=record.updated_at,
    )
