"""Follows the stream of status changes in Redis, for any number of followers at once.

One task reads the stream's end and gives each change to those whom it concerns. A follower that
comes with an older position, or that fell behind, reads on its own until it has caught up.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError
from service_kit.epoch import from_ms

from notification_ledger.reading import (
    ChangeId,
    ChangesMissed,
    LedgerUnavailable,
    StatusChange,
    parse_change_id,
)
from notification_ledger.redis.inbox import Inbox, KeptChange
from notification_ledger.redis.rows import status_of

READ_TIMEOUT_S: Final = 5.0
"""The read timeout that a connection for this needs: well above the time that a read waits."""

_BLOCK_MS: Final = 2_000
_BATCH: Final = 500
_CLOSED: Final = "the ledger was closed"


class ChangeFeed:
    """The stream of status changes. The client's read timeout must be `READ_TIMEOUT_S` or more."""

    def __init__(self, redis: Redis, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._inboxes: set[Inbox] = set()
        self._end: ChangeId = (0, 0)
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._is_closed = False

    async def latest(self) -> ChangeId:
        """Return the id of the latest change, which may no longer be kept."""
        return (await self._page((0, 0), limit=1))[2]

    async def follow(
        self, after: ChangeId | None, trace_id: str | None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """Yield what comes after the change `after`, or from now on, for ever."""
        async with self._subscription(trace_id) as inbox:
            position = self._end if after is None else after
            inbox.is_behind = position < self._end
            if position > self._end and position > (latest := await self.latest()):
                # Given out by a stream that is no more.
                yield ChangesMissed()
                position = latest
            while inbox.error is None:
                async for item in self._next(position, inbox):
                    if isinstance(item, ChangesMissed):
                        yield item
                        continue
                    position, change = item
                    if inbox.wants(change):
                        yield change
                if not inbox.is_behind:
                    await inbox.news()
            raise LedgerUnavailable(str(inbox.error)) from inbox.error

    async def close(self) -> None:
        """Stop reading; followers get an error that the ledger is unavailable."""
        self._is_closed = True
        for inbox in self._inboxes:
            inbox.fail(ConnectionError(_CLOSED))
        # Again and again: redis-py can swallow one that comes while it takes a connection.
        while (reading := self._reading) and not reading.done():
            reading.cancel()
            await asyncio.wait({reading}, timeout=0.1)

    @asynccontextmanager
    async def _subscription(self, trace_id: str | None) -> AsyncIterator[Inbox]:
        inbox = Inbox(trace_id)
        async with self._starting:
            self._refuse_if_closed()  # redis-py would connect anew, and nobody close that
            if self._reading is None:
                self._end = await self.latest()
            self._refuse_if_closed()  # meanwhile
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(), name="ledger.changes")
        self._inboxes.add(inbox)
        try:
            yield inbox
        finally:
            self._inboxes.discard(inbox)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise ConnectionError(_CLOSED)

    async def _read(self) -> None:
        try:
            while self._inboxes:
                position = f"{self._end[0]}-{self._end[1]}"
                if await self._redis.xread({self._stream: position}, count=1, block=_BLOCK_MS):
                    self._distribute(*await self._page(self._end, limit=_BATCH))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for inbox in self._inboxes:
                inbox.fail(error)
        finally:
            self._reading = None

    def _distribute(self, is_cut: bool, batch: Sequence[KeptChange], _latest: ChangeId) -> None:
        for inbox in self._inboxes if is_cut else ():
            inbox.fall_behind()
        for kept in batch:
            self._end = kept[0]
            for inbox in self._inboxes:
                if inbox.wants(kept[1]):
                    inbox.put(kept)

    async def _next(
        self, position: ChangeId, inbox: Inbox
    ) -> AsyncIterator[KeptChange | ChangesMissed]:
        for kept in inbox.take():
            if kept[0] > position:
                position = kept[0]
                yield kept
        if not inbox.is_behind:
            return
        # What comes in from here on is left in the inbox; all until here is in the stream.
        inbox.is_behind, end = False, self._end
        while position < end:
            is_cut, batch, _ = await self._page(position, limit=_BATCH)
            if is_cut:
                yield ChangesMissed()
            for kept in batch:
                yield kept
            position = batch[-1][0] if batch else end

    async def _page(
        self, position: ChangeId, *, limit: int
    ) -> tuple[bool, Sequence[KeptChange], ChangeId]:
        """Return whether changes after `position` are gone, those that are kept, the latest id."""
        # In this order: what is trimmed in between seems to be a gap, and no gap goes unseen.
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xrange(self._stream, f"({position[0]}-{position[1]}", "+", limit)
            pipeline.xinfo_stream(self._stream)
            entries, stream = await pipeline.execute(raise_on_error=False)
        if isinstance(stream, ResponseError) and "no such key" in str(stream):
            return position != (0, 0), (), (0, 0)
        if isinstance(stream, Exception):
            raise stream
        first, latest = stream["first-entry"], parse_change_id(stream["last-generated-id"])
        kept_from = parse_change_id(first[0]) if first else latest
        is_cut = stream["entries-added"] > stream["length"] and position < kept_from
        return is_cut, [_kept(*entry) for entry in entries], latest


def _kept(entry_id: str, fields: dict[str, str]) -> KeptChange:
    # A later release may have added columns at the end.
    trace_id, at, status, reason, channel, user_id, *_ = fields["c"].split("\t")
    change = StatusChange(
        id=entry_id,
        trace_id=trace_id,
        user_id=user_id or None,
        channel=channel or None,
        status=status_of(status),
        reason=reason or None,
        at=from_ms(int(at)),
    )
    return parse_change_id(entry_id), change
