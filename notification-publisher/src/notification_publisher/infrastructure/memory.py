"""In-memory twins of the ports: they keep what happened, and can be told to be down."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from durable_queue.clock import utc_now
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId
from notification_ledger.record import (
    ChangesMissed,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
)

from notification_publisher.application.ports import (
    Acceptance,
    DeadLetterGone,
    KeyReused,
    PublishingUnavailable,
    RecordsUnavailable,
    Submission,
    TooManyWaiting,
    UnknownCursor,
)


class InMemoryOutbox:
    """Keeps submissions in the order in which they were accepted."""

    def __init__(self, *, room_for: int = 1_000_000, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.accepted: list[Submission] = []
        self.is_down = False
        self._room_for = room_for

    async def accept(self, submission: Submission) -> Acceptance:
        """See `Outbox.accept`."""
        if submission.key:
            first = await self.recall(submission.key, submission.fingerprint)
            if first:
                return first
        if self.is_down:
            raise PublishingUnavailable
        if len(self.accepted) >= self._room_for:
            raise TooManyWaiting
        self.accepted.append(submission)
        return Acceptance(trace_id=submission.trace_id, status=submission.status)

    async def time(self) -> datetime:
        """See `Outbox.time`."""
        if self.is_down:
            raise PublishingUnavailable
        return self._now()

    async def recall(self, key: str, fingerprint: str) -> Acceptance | None:
        """See `Outbox.recall`."""
        if self.is_down:
            raise PublishingUnavailable
        for first in self.accepted:
            if first.key == key:
                if first.fingerprint != fingerprint:
                    raise KeyReused(first.trace_id)
                return Acceptance(trace_id=first.trace_id, status=first.status, replayed=True)
        return None


class InMemoryRecords:
    """Keeps records by trace id. A cursor is the number of records that came before."""

    def __init__(self, *records: NotificationRecord) -> None:
        self.by_id = {record.trace_id: record for record in records}
        self.is_down = False

    async def get(self, trace_id: TraceId) -> NotificationRecord | None:
        """See `NotificationRecords.get`."""
        self._check()
        return self.by_id.get(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        """See `NotificationRecords.find`."""
        self._check()
        if query.cursor is not None and not query.cursor.isdecimal():
            raise UnknownCursor
        start = int(query.cursor or 0)
        newest_first = sorted(self.by_id.values(), key=lambda record: record.created_at)[::-1]
        found = [record for record in newest_first if _matches(record, query)]
        end = start + query.limit
        return RecordPage(
            items=tuple(found[start:end]), next_cursor=str(end) if end < len(found) else None
        )

    def _check(self) -> None:
        if self.is_down:
            raise RecordsUnavailable


class InMemoryInterventions:
    """Changes the records that it is given; `delays` tells when replayed ones are due.

    Of those that are `gone` the message was taken away.
    """

    def __init__(self, records: InMemoryRecords) -> None:
        self.delays: dict[TraceId, timedelta] = {}
        self.is_down = False
        self.gone: set[TraceId] = set()
        self._records = records

    async def cancel(self, trace_id: TraceId) -> bool:
        """See `Interventions.cancel`."""
        record = self._record(trace_id)
        if record is None or record.status.is_final or record.status is Status.SENDING:
            return False
        self._records.by_id[trace_id] = replace(record, status=Status.CANCELLED)
        return True

    async def replay(self, trace_id: TraceId, delay: timedelta) -> bool:
        """See `Interventions.replay`."""
        record = self._record(trace_id)
        if record is None or not record.is_dead_letter:
            return False
        if trace_id in self.gone:
            raise DeadLetterGone(trace_id, "its message was taken away")
        self.delays[trace_id] = delay
        self._records.by_id[trace_id] = replace(
            record, status=Status.QUEUED, reason=None, is_dead_letter=False
        )
        return True

    async def delete(self, trace_id: TraceId) -> bool:
        """See `Interventions.delete`."""
        record = self._record(trace_id)
        if record is None or not record.is_dead_letter:
            return False
        self._records.by_id[trace_id] = replace(record, is_dead_letter=False)
        return True

    def _record(self, trace_id: TraceId) -> NotificationRecord | None:
        if self.is_down:
            raise PublishingUnavailable
        return self._records.by_id.get(trace_id)


class InMemoryFeed:
    """Keeps all changes; a change's id is its number, so that "0" is before the first."""

    def __init__(self) -> None:
        self.happened: list[StatusChange | ChangesMissed] = []
        self._news = asyncio.Condition()

    async def happen(self, change: StatusChange | ChangesMissed) -> None:
        """Tell all watchers."""
        async with self._news:
            if isinstance(change, StatusChange):
                change = replace(change, id=str(len(self.happened) + 1))
            self.happened.append(change)
            self._news.notify_all()

    async def position(self, after: str | None = None) -> str:
        """See `StatusFeed.position`."""
        if after is not None and not after.isdecimal():
            raise UnknownCursor
        return after or str(len(self.happened))

    async def changes(
        self, after: str, trace_id: TraceId | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed, None]:
        """See `StatusFeed.changes`."""
        seen = int(after)
        while True:
            async with self._news:
                while len(self.happened) == seen:
                    await self._news.wait()
            for change in self.happened[seen:]:
                seen += 1
                if isinstance(change, ChangesMissed) or trace_id in {None, change.trace_id}:
                    yield change


def _matches(record: NotificationRecord, query: RecordQuery) -> bool:
    wanted = (
        (query.status, record.status),
        (query.user_id, record.user_id),
        (query.channel, record.channel),
        (query.reason, record.reason),
        (query.dead_letters or None, record.is_dead_letter),
    )
    return (
        all(filter_ is None or filter_ == value for filter_, value in wanted)
        and (query.since is None or query.since <= record.updated_at)
        and (query.until is None or record.updated_at < query.until)
    )
