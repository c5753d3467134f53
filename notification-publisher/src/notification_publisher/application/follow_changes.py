"""Puts status changes into the lines of the endpoints that are to be told of them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from notification_ledger.reading import (
    MAX_PAGE,
    LedgerReader,
    NotificationRecord,
    RecordQuery,
    StatusChange,
    parse_change_id,
)
from notification_ledger.webhooks.endpoints import Endpoint, WebhookEvent
from notification_ledger.webhooks.events import Labels, may_want, status_event, told_by, wants
from notification_ledger.webhooks.port import WebhookStore

BATCH: Final = 250
"""The most changes that are put into lines at once."""

_KNOWN_LABELS: Final = 10_000
Entry = tuple[Endpoint, WebhookEvent]


@dataclass(slots=True, kw_only=True)
class FollowChanges:
    """The part of following that needs no loop. `token` names this process among followers.

    All methods raise `WebhooksUnavailable`, `LedgerUnavailable`, and `FollowerReplaced` when
    another process follows by now.
    """

    store: WebhookStore
    ledger: LedgerReader
    token: str
    _version: int = field(default=-1, init=False)
    _endpoints: Sequence[Endpoint] = field(default=(), init=False)
    _labels: dict[str, Labels] = field(default_factory=dict, init=False)

    async def endpoints(self) -> Sequence[Endpoint]:
        """Return all endpoints; they are read again only when one has changed."""
        version = await self.store.version()
        if version != self._version:
            self._endpoints = await self.store.endpoints()
            self._version = version
        return self._endpoints

    async def followers(self) -> Sequence[Endpoint]:
        """Return the endpoints that are told of status changes."""
        return [each for each in await self.endpoints() if each.follows_notifications]

    async def position(self, followers: Iterable[Endpoint]) -> str:
        """Return after which change to begin: where the last follower ended.

        What happened before the first of these endpoints was made is passed over.
        """
        first = min((each.since for each in followers), key=parse_change_id)
        return max(await self.store.position() or first, first, key=parse_change_id)

    async def put(self, changes: Sequence[StatusChange]) -> Sequence[Endpoint]:
        """Put changes into lines. Returns the endpoints that this disabled.

        The endpoints are read after the changes were: one that was made before is not missed.
        """
        entries = await self._entries(changes)
        return await self.store.append(entries, token=self.token, position=changes[-1].id)

    async def recover(
        self, position: str, renew: Callable[[], Awaitable[None]]
    ) -> tuple[int, Sequence[Endpoint]]:
        """Take from the timelines what the feed has lost since `position`, and go on from there.

        What a timeline has lost from its middle is lost here, too. This may take long: `renew` is
        called again and again, to stay the follower. Returns how many changes there were, and the
        endpoints that this disabled.
        """
        latest = await self.ledger.latest_change()
        since, until = _time_of(position), _time_of(latest)
        count, disabled = 0, list[Endpoint]()
        async for told in self._told_between(since, until):
            await renew()
            count += len(told)
            entries = await self._entries([replace(each, id=latest) for each in told])
            disabled += await self.store.append(entries, token=self.token)
        disabled += await self.store.append([], token=self.token, position=latest)
        return count, disabled

    async def _entries(self, changes: Sequence[StatusChange]) -> Sequence[Entry]:
        followers = [(parse_change_id(each.since), each) for each in await self.followers()]
        asked = [
            (change, endpoint)
            for at, change in ((parse_change_id(each.id), each) for each in changes)
            for since, endpoint in followers
            if since < at and may_want(endpoint, change)
        ]
        trace_ids = list(dict.fromkeys(change.trace_id for change, _ in asked))
        found = await asyncio.gather(*map(self._labels_of, trace_ids))
        labels = dict(zip(trace_ids, found, strict=True))
        told = ((endpoint, status_event(each, labels[each.trace_id])) for each, endpoint in asked)
        return [(endpoint, event) for endpoint, event in told if wants(endpoint, event)]

    async def _labels_of(self, trace_id: str) -> Labels:
        known = self._labels.get(trace_id)
        if known is not None:
            return known
        record = await self.ledger.get(trace_id)
        return Labels() if record is None else self._note_labels(record)

    def _note_labels(self, record: NotificationRecord) -> Labels:
        labels = Labels(tags=record.tags, reference=record.reference, is_test=record.is_test)
        # An event that was pushed by hand has none until it is read, and then its user is known.
        if record.user_id is not None:
            if len(self._labels) >= _KNOWN_LABELS:
                del self._labels[next(iter(self._labels))]
            self._labels[record.trace_id] = labels
        return labels

    async def _told_between(
        self, since: datetime, until: datetime
    ) -> AsyncGenerator[Sequence[StatusChange], None]:
        """Give changes by batches, of which some are empty: looking for them takes time, too."""
        query = RecordQuery(since=since, limit=MAX_PAGE)
        while True:
            page = await self.ledger.find(query)
            told = []
            for record in page.items:
                self._note_labels(record)
                told += [
                    told_by(record, entry)
                    for entry in record.timeline
                    if since <= entry.at <= until
                ]
            for start in range(0, max(1, len(told)), BATCH):
                yield told[start : start + BATCH]
            if page.next_cursor is None:
                return
            query = replace(query, cursor=page.next_cursor)


def _time_of(change_id: str) -> datetime:
    return datetime.fromtimestamp(parse_change_id(change_id)[0] / 1000, UTC)
