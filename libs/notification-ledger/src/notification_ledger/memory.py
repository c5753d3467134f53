"""The ledger in memory: for tests, for embedding, and behind a broker that has no store for it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import islice
from typing import Final

from durable_queue.messages import Change
from durable_queue.recorder import ChangeEvent
from notification_contracts.states import Status
from service_kit.epoch import from_ms, to_ms, utc_now

from notification_ledger.counting import count_by_status
from notification_ledger.cursors import decode_cursor, encode_cursor
from notification_ledger.grouping import group_dead_letters
from notification_ledger.labels import LabelIndex
from notification_ledger.matching import is_over, matches, position_of
from notification_ledger.reading import (
    ChangesMissed,
    DeadLetterGroups,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
    TimelineEntry,
    parse_change_id,
)
from notification_ledger.receipts import ReceiptBook, receipt_of
from notification_ledger.rules import (
    ENDED,
    KEPT_FIELDS,
    NOT_REPLAYABLE,
    RECEIPTS,
    is_first,
    keeps_status,
    moves,
    read_update,
)
from notification_ledger.status_update import StatusUpdate

MAX_CHANGES: Final = 10_000
MAX_TIMELINE: Final = 200
_KEEP_HEAD: Final = 20
_SAID: Final = tuple(
    each.name for each in fields(TimelineEntry) if each.name not in {"at", "channel"}
)


class MemoryLedger:
    """Keeps up to `max_records` records; a `LedgerStore`, and itself a `Recorder`.

    When there are more, those that ended first are forgotten first; then the oldest.
    """

    def __init__(
        self, *, max_records: int = 100_000, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._now = now
        self._max_records = max_records
        self._records: dict[str, NotificationRecord] = {}
        self._ended: dict[str, None] = {}
        self._changes: deque[StatusChange] = deque(maxlen=MAX_CHANGES)
        # Ids of an earlier run are told apart: a reader with one has missed changes.
        self._run, self._last = to_ms(now()), 0
        self._followers: set[asyncio.Event] = set()
        self._labels = LabelIndex()
        self._receipts = ReceiptBook(now=now, max_parked=max_records)

    def __call__(self, recorded: ChangeEvent) -> None:
        """Write down a change; see `LedgerWriter.record`."""
        change, trace_id = recorded.change, recorded.message_id
        was = self._records.get(trace_id)
        if was and is_first(change):
            return
        if was and change is Change.PROMOTED and not moves(change, was.status, was.status):
            self._records[trace_id] = replace(was, next_attempt_at=None)
            return
        update = read_update(
            change, recorded.lane, recorded.note, is_uncertain=recorded.is_uncertain
        )
        if was and keeps_status(change, was.status, update.status):
            update = replace(update, status=was.status)
        self._write(trace_id, change, update, at=recorded.at, due=recorded.due_at)
        for receipt, note in self._receipts.learn(trace_id, update):
            self._write(trace_id, receipt, read_update(receipt, "", note), at=self._now())

    async def record(self, recorded: ChangeEvent) -> None:
        """See `LedgerWriter.record`."""
        self(recorded)

    async def report_receipt(self, provider: str, message_id: str, update: StatusUpdate) -> bool:
        """See `LedgerWriter.report_receipt`."""
        message, note = receipt_of(provider, message_id, update)
        found = self._receipts.find(message)
        if found is None:
            self._receipts.park(message, note)
            return False
        trace_id, change = found
        self._write(trace_id, change, read_update(change, "", note), at=self._now())
        return True

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """See `LedgerUpkeep.forget`."""
        over = [each for each in self._ended if self._records[each].updated_at < before]
        if dry_run:
            return len(over)
        for trace_id in over[:limit]:
            self._forget(trace_id)
        return min(len(over), limit)

    async def overdue(self, by: timedelta) -> int:
        """See `LedgerUpkeep.overdue`."""
        latest = self._now() - by
        dues = (record.next_attempt_at for record in self._records.values())
        return sum(due is not None and due < latest for due in dues)

    async def fullness(self) -> float | None:
        """Return None: when there are too many records, those that ended first go by themselves."""
        return None

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """See `LedgerReader.get`."""
        return self._records.get(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        """See `LedgerReader.find`."""
        before = decode_cursor(query, query.cursor) if query.cursor else None
        among = self._labels.candidates(query)
        matching = (
            record
            for record in map(self._records.__getitem__, self._records if among is None else among)
            if (before is None or position_of(record) < before) and matches(record, query)
        )
        found = nlargest(query.limit + 1, matching, key=position_of)
        items = tuple(found[: query.limit])
        is_last = len(found) <= query.limit
        return RecordPage(
            items=items,
            next_cursor=None if is_last else encode_cursor(query, position_of(items[-1])),
        )

    async def changes(
        self, after: str | None = None, *, trace_id: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """See `LedgerReader.changes`."""
        seen = self._last if after is None else self._seen(after)
        news = asyncio.Event()
        self._followers.add(news)
        try:
            while True:
                kept_from = self._last - len(self._changes)
                if seen < kept_from:
                    seen = kept_from
                    yield ChangesMissed()
                for change in tuple(islice(self._changes, seen - kept_from, None)):
                    seen += 1
                    if trace_id in {None, change.trace_id}:
                        yield change
                news.clear()
                if seen == self._last:
                    await news.wait()
        finally:
            self._followers.discard(news)

    async def latest_change(self) -> str:
        """See `LedgerReader.latest_change`."""
        return f"{self._run}-{self._last}"

    async def count_by_status(self) -> Mapping[Status, int]:
        """See `LedgerReader.count_by_status`."""
        return count_by_status(self._records.values())

    async def dead_letter_groups(self) -> DeadLetterGroups:
        """See `LedgerReader.dead_letter_groups`."""
        return group_dead_letters(self._records.values())

    async def ping(self) -> None:
        """Answer; memory is always there."""

    async def close(self) -> None:
        """Do nothing; what is in memory goes with its process."""

    def _seen(self, after: str) -> int:
        run, number = parse_change_id(after)
        if (run, number) == (0, 0):
            return 0
        return number if run == self._run and number <= self._last else -1

    def _write(
        self,
        trace_id: str,
        change: str,
        update: StatusUpdate,
        *,
        at: datetime,
        due: datetime | None = None,
    ) -> None:
        was, at = self._records.get(trace_id), from_ms(to_ms(at))
        status, reason = update.status, update.reason
        is_past = change in NOT_REPLAYABLE and status is Status.FAILED
        if was and (is_over(was) or not moves(change, was.status, status)):
            status, reason, due = was.status, was.reason, was.next_attempt_at
            is_past = is_over(was)
        elif was and change == Change.DELETED:
            reason = was.reason
        kept = {name: getattr(was, name) for name in KEPT_FIELDS if was}
        said = {name: getattr(update, name) for name in KEPT_FIELDS}
        kept |= {name: value for name, value in said.items() if value is not None}
        entry, timeline = _entry(at, update, kept.get("channel")), was.timeline if was else ()
        if change in RECEIPTS and any(replace(each, at=at) == entry for each in timeline):
            return
        record = NotificationRecord(
            trace_id=trace_id,
            status=status,
            reason=reason,
            created_at=was.created_at if was else at,
            updated_at=at,
            next_attempt_at=due,
            timeline=_longer(timeline, entry),
            is_dead_letter=status is Status.FAILED and not is_past,
            **kept,
        )
        if len(timeline) == len(record.timeline):  # it is as long as it may be: one went
            self._receipts.forget(trace_id, timeline[_KEEP_HEAD:][:1], record.timeline)
        self._keep(record)

    def _keep(self, record: NotificationRecord) -> None:
        self._labels.update(record.trace_id, self._records.get(record.trace_id), record)
        self._records[record.trace_id] = record
        if record.status in ENDED or is_over(record):
            self._ended[record.trace_id] = None
        self._publish(record)
        if len(self._records) > self._max_records:
            self._forget(next(iter(self._ended or self._records)))

    def _publish(self, record: NotificationRecord) -> None:
        self._last += 1
        self._changes.append(
            StatusChange(
                id=f"{self._run}-{self._last}",
                trace_id=record.trace_id,
                user_id=record.user_id,
                channel=record.channel,
                status=record.status,
                reason=record.reason,
                at=record.updated_at,
            )
        )
        for news in self._followers:
            news.set()

    def _forget(self, trace_id: str) -> None:
        record = self._records.pop(trace_id)
        self._labels.update(trace_id, record, None)
        self._receipts.forget(trace_id, record.timeline)
        self._ended.pop(trace_id, None)


def _entry(at: datetime, update: StatusUpdate, channel: str | None) -> TimelineEntry:
    said = {name: getattr(update, name) for name in _SAID}
    return TimelineEntry(at=at, channel=channel, **said)


def _longer(timeline: tuple[TimelineEntry, ...], entry: TimelineEntry) -> tuple[TimelineEntry, ...]:
    if len(timeline) < MAX_TIMELINE:
        return (*timeline, entry)
    return (*timeline[:_KEEP_HEAD], *timeline[_KEEP_HEAD + 1 :], entry)
