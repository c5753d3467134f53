"""The operator's side: what was given up, and what becomes of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from durable_queue.port import ControlOutcome, MessageControl
from notification_contracts.http.callers import NotForTestKeys
from notification_contracts.states import Reason, Status
from notification_contracts.trace_ids import TraceId, parse_trace_id
from notification_ledger.reading import MAX_PAGE, LedgerReader, NotificationRecord, RecordQuery

from notification_publisher.application.ports import (
    DeadLetterGone,
    NotADeadLetter,
    UnknownDeadLetter,
)

IN_FLIGHT = 100
"""How many replays are under way at once: enough to share round trips, not to crowd out sends."""

_GONE: Final = (
    "Its message is not among the broker's dead letters: somebody purged, consumed or moved it. "
    "It can be deleted; to send it, ask for a new notification."
)


def is_ambiguous(record: NotificationRecord) -> bool:
    """Tell whether a provider may have taken it, so that a replay may be a second message."""
    return record.reason == Reason.AMBIGUOUS


def was_deleted(record: NotificationRecord) -> bool:
    """Tell whether it was a dead letter until somebody deleted it."""
    return record.status is Status.FAILED and not record.is_dead_letter


def _why_none(record: NotificationRecord) -> str:
    if was_deleted(record):
        return "It was deleted, and its message with it."
    return f"Its status is {record.status}; a dead letter is one that has failed."


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeadLetter:
    """Show one dead letter; one that was replayed or deleted is not found."""

    ledger: LedgerReader

    async def __call__(self, trace_id: str) -> NotificationRecord:
        known = parse_trace_id(trace_id)
        record = await self.ledger.get(known) if known else None
        if record is None or not record.is_dead_letter:
            raise UnknownDeadLetter(known)
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLetter:
    """Queue one dead letter again, its attempts counted anew. Replaying twice is replaying once.

    Returns it, and whether a provider may have taken it before. With `only_tests` none is queued
    that a provider would get.
    """

    ledger: LedgerReader
    control: MessageControl

    async def __call__(
        self, trace_id: str, *, only_tests: bool = False
    ) -> tuple[NotificationRecord, bool]:
        known = parse_trace_id(trace_id)
        if known is None:
            raise UnknownDeadLetter(known)
        before = await self.ledger.get(known)
        if only_tests and (before is None or not before.is_test):
            raise NotForTestKeys("this notification was asked for with a live key")
        outcome = await self.control.replay(known)
        record = await self.ledger.get(known)
        if record is None:
            raise UnknownDeadLetter(known)
        if outcome is ControlOutcome.GONE:
            raise DeadLetterGone(known, _GONE)
        if outcome is not ControlOutcome.DONE:
            raise NotADeadLetter(known, _why_none(record))
        return record, before is not None and is_ambiguous(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDeadLetter:
    """Forget a dead letter's message for good. What happened to it stays on record.

    Deleting twice has no further effect: a caller that lost the first answer gets it again.
    """

    ledger: LedgerReader
    control: MessageControl

    async def __call__(self, trace_id: str) -> None:
        known = parse_trace_id(trace_id)
        if known is None:
            raise UnknownDeadLetter(known)
        if await self.control.delete(known) is ControlOutcome.DONE:
            return
        record = await self.ledger.get(known)
        if record is None:
            raise UnknownDeadLetter(known)
        if not was_deleted(record):
            raise NotADeadLetter(known, _why_none(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Which dead letters matched, oldest first, and how many of them are queued again.

    `ambiguous` counts those of the matched that a provider may have taken before. Those that are
    `gone` can't be replayed: their messages are no longer in the broker.
    """

    matched: Sequence[TraceId]
    replayed: int
    ambiguous: int
    gone: Sequence[TraceId] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLetters:
    """Queue the dead letters again that match, spaced so that they don't flood the providers.

    With a `limit` it is the newest ones; the oldest of them goes first. Interrupted half-way it may
    simply be called again: what is queued is no dead letter any more. `only_tests` is as for one.
    """

    ledger: LedgerReader
    control: MessageControl
    per_second: float

    async def __call__(
        self, query: RecordQuery, *, limit: int | None, dry_run: bool, only_tests: bool = False
    ) -> ReplayReport:
        matched = await self._match(query, limit, only_tests=only_tests)
        trace_ids = [TraceId(record.trace_id) for record in matched]
        outcomes = [] if dry_run else await self._replay(trace_ids)
        return ReplayReport(
            matched=trace_ids,
            replayed=outcomes.count(ControlOutcome.DONE),
            ambiguous=sum(map(is_ambiguous, matched)),
            gone=[
                trace_id
                for trace_id, outcome in zip(trace_ids, outcomes, strict=False)
                if outcome is ControlOutcome.GONE
            ],
        )

    async def _match(
        self, query: RecordQuery, limit: int | None, *, only_tests: bool
    ) -> list[NotificationRecord]:
        found: list[NotificationRecord] = []
        page_query = replace(query, dead_letters=True, limit=MAX_PAGE)
        while limit is None or len(found) < limit:
            page = await self.ledger.find(page_query)
            found += [each for each in page.items if each.is_test or not only_tests]
            if page.next_cursor is None:
                break
            page_query = replace(page_query, cursor=page.next_cursor)
        return found[:limit][::-1]

    async def _replay(self, matched: Sequence[TraceId]) -> list[ControlOutcome]:
        outcomes: list[ControlOutcome] = []
        for start in range(0, len(matched), IN_FLIGHT):
            chunk = enumerate(matched[start : start + IN_FLIGHT], start)
            outcomes += await asyncio.gather(
                *(
                    self.control.replay(trace_id, timedelta(seconds=at / self.per_second))
                    for at, trace_id in chunk
                )
            )
        return outcomes
