"""The read half of the ledger: its port, its values and its errors. It imports no plumbing.

Application code may use it as it is. Times are aware UTC.

Errors:

    LedgerError
    ├── LedgerUnavailable  the store can't be reached or refuses
    └── InvalidCursor      a cursor or a change id that this ledger never gave out
"""

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from notification_contracts.states import Status

MAX_PAGE: Final = 200

ChangeId = tuple[int, int]
"""A change's id, as changes are ordered by it."""

_CHANGE_ID: Final = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_MAX_PART: Final = 2**64 - 1


class LedgerError(Exception):
    """Base of all errors that a ledger raises."""


class LedgerUnavailable(LedgerError):
    """Raised when the store can't be reached or refuses."""


class InvalidCursor(LedgerError):
    """Raised for a cursor, or a change id, that this ledger never gave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What became of one of several addresses: never the address, its label or `#2`.

    `outcome` is `accepted`, `transient`, `permanent`, `gone`, `uncertain`, `untried` or
    `misconfigured`.
    """

    target: str
    outcome: str
    provider: str | None = None
    message_id: str | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened to a notification. `reason` is a code, `detail` is for people.

    `message_id` is the provider's name for it. `targets` is there if several addresses were tried.
    `delivery_mode` is `captured` or `redirected` where it did not go to the user's address.
    """

    at: datetime
    status: Status
    reason: str | None = None
    detail: str | None = None
    channel: str | None = None
    provider: str | None = None
    attempt: int | None = None
    duration_ms: float | None = None
    message_id: str | None = None
    targets: tuple[Target, ...] | None = None
    delivery_mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord:
    """Where a notification is, why, and everything that happened to it, oldest first.

    `user_id` and `channel` are None until they are known: an event that a foreign producer pushed
    is first read by a worker. `attempts` counts what was handed to a provider so far.
    `next_attempt_at` is set while it waits for a time, for the next attempt or for `send_at`.
    `delivery_mode` is `captured` or `redirected` where it did not go to the user's address. What
    `is_test` was asked for with a test key, and reaches no provider.
    `is_dead_letter` says that it failed and may still be replayed or deleted.
    """

    trace_id: str
    user_id: str | None = None
    channel: str | None = None
    status: Status
    reason: str | None
    attempts: int = 0
    created_at: datetime
    updated_at: datetime
    next_attempt_at: datetime | None
    timeline: tuple[TimelineEntry, ...]
    tags: tuple[str, ...] = ()
    reference: str | None = None
    delivery_mode: str | None = None
    is_test: bool = False
    is_dead_letter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """Which records to list; every filter that is set must hold.

    `since` (inclusive) and `until` (exclusive) bound `updated_at`, which is for a dead letter the
    time at which it was given up. `dead_letters` asks for those that failed and were not deleted.
    `cursor` is the `next_cursor` of the page before, under the same filters.

    Raises:
        ValueError: `limit` is not within 1 to `MAX_PAGE`.
    """

    status: Status | None = None
    user_id: str | None = None
    channel: str | None = None
    reason: str | None = None
    tag: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    dead_letters: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            message = f"limit must be 1 to {MAX_PAGE}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage:
    """Records, newest first. `next_cursor` is None on the last page.

    A page may be shorter than `limit`, even empty, and still have a `next_cursor`: a rare match
    among many records is looked for in bounded steps.
    """

    items: tuple[NotificationRecord, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroup:
    """Dead letters of one reason on one channel; the times are when they were given up."""

    reason: str | None
    channel: str | None
    count: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterGroups:
    """Dead letters by reason and channel, the largest group first.

    `is_complete` is False where there are so many that only the newest were counted.
    """

    items: tuple[DeadLetterGroup, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A notification's status after something happened to it. `id` orders all changes."""

    id: str
    trace_id: str
    user_id: str | None
    channel: str | None
    status: Status
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesMissed:
    """Stands in a feed where changes may be missing: they are no longer kept."""


class LedgerReader(Protocol):
    """The record of every notification, for reading."""

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """Return what is known of one notification; None if it is unknown or forgotten.

        Raises:
            LedgerUnavailable: the store can't be reached.
        """
        ...

    async def find(self, query: RecordQuery) -> RecordPage:
        """List records, newest first.

        A page is short while it has a `next_cursor` only when the bound on how many records one
        call looks at was reached.

        Raises:
            InvalidCursor: the query's cursor was not issued by this ledger.
            LedgerUnavailable: the store can't be reached.
        """
        ...

    async def count_by_status(self) -> Mapping[Status, int]:
        """Count the records of each status; of those that failed, the dead letters.

        A status that no record has may be missing. Raises `LedgerUnavailable`.
        """
        ...

    async def dead_letter_groups(self) -> DeadLetterGroups:
        """Count dead letters by reason and channel. Raises `LedgerUnavailable`."""
        ...

    def changes(
        self, after: str | None = None, *, trace_id: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """Follow status changes for ever: those after the change `after`, or from now on.

        With `trace_id`, those of one notification. `ChangesMissed` comes first when changes right
        after `after` are no longer kept; then what is kept follows.

        Raises:
            InvalidCursor: `after` is no change id.
            LedgerUnavailable: the store can't be reached; follow again after the last id.
        """
        ...

    async def latest_change(self) -> str:
        """Return the id of the latest change, from which `changes` can go on.

        Ask for it before reading a record, and nothing that happens after the reading is missed.

        Raises:
            LedgerUnavailable: the store can't be reached.
        """
        ...


def parse_change_id(text: str) -> ChangeId:
    """Return the id that `text` holds.

    Raises:
        InvalidCursor: it is no change id.
    """
    found = _CHANGE_ID.fullmatch(text)
    parts = (int(found[1]), int(found[2])) if found else (-1, -1)
    if not found or max(parts) > _MAX_PART:
        raise InvalidCursor("not a change id")
    return parts
