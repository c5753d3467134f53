"""Lists records from the ledger's indexes in Redis: newest first, in bounded steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from notification_contracts.states import Status
from redis.asyncio import Redis
from service_kit.epoch import to_ms

from notification_ledger.cursors import Position, decode_cursor, encode_cursor
from notification_ledger.reading import NotificationRecord, RecordPage, RecordQuery
from notification_ledger.redis.rows import (
    DELETED,
    LISTED,
    RANK_STEP,
    RANKS,
    Row,
    matches,
    record_of,
    row_of,
)
from notification_ledger.redis.scripts import reading_script

SCAN_LIMIT: Final = 2_000
"""After how many records one call stops to look: some ten milliseconds of Redis' time."""

_BATCH: Final = 200
_NEWEST: Position = (RANK_STEP - 1, "\x7f")
_MANY: Final = 10**12

_OF_LISTS: Final = "lists"


@dataclass(frozen=True, slots=True)
class _Index:
    """Where ids are by when their records were made, as `positions.lua` reads it."""

    key: str
    base: int | str = ""
    status: str = ""
    """Where it is one of lists, that of which status: `P:n` counts them."""


class RecordReader:
    """Reads records and lists of them. Redis' errors come as they are."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._records = redis.register_script(reading_script("records"))
        self._positions = redis.register_script(reading_script("positions"))

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """Return one record."""
        ((_, row),) = await self._rows([(0, trace_id)])
        return record_of(trace_id, row) if row.is_readable else None

    async def find(self, query: RecordQuery) -> RecordPage:
        """Return a page; see `LedgerReader.find`."""
        position = decode_cursor(query, query.cursor) if query.cursor else _newest(query)
        indexes = await self._indexes(query)
        found: list[NotificationRecord] = []
        looked_at = 0
        while looked_at < SCAN_LIMIT:
            positions, is_last = await self._after(indexes, position)
            for position, row in await self._rows(positions):
                if row.is_readable and matches(row, query):
                    found.append(record_of(position[1], row))
                if len(found) > query.limit:
                    return _page(query, found[:-1])
            if is_last:
                return RecordPage(items=tuple(found), next_cursor=None)
            looked_at += len(positions)
        return RecordPage(items=tuple(found), next_cursor=encode_cursor(query, position))

    async def count_by_status(self) -> Mapping[Status, int]:
        """Return how many records the index of each status holds."""
        indexes, former = zip(*map(self._of_status, Status), strict=True)
        counts = await self._counts(indexes)
        if await self._redis.exists(*(index.key for index in former)):
            counts = list(map(sum, zip(counts, await self._counts(former), strict=True)))
        return dict(zip(Status, counts, strict=True))

    async def _counts(self, indexes: Sequence[_Index], *, damaged: int = 0) -> Sequence[int]:
        """Return how many members each index has, or `damaged` for what is none."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for index in indexes:
                if index.status:
                    pipeline.hget(f"{self._prefix}:n", index.status)
                elif isinstance(index.base, int):
                    pipeline.zcount(index.key, index.base, index.base + RANK_STEP - 1)
                else:
                    pipeline.zcard(index.key)
            counts = await pipeline.execute(raise_on_error=False)
        return [_count(each, damaged) for each in counts]

    def _of_status(self, name: str) -> Sequence[_Index]:
        """Return where records of a status are; the second is where the release before put them."""
        if name in LISTED:
            index = _Index(f"{self._prefix}:h", _OF_LISTS, name)
        else:
            index = _Index(f"{self._prefix}:x", RANKS[name] * RANK_STEP)
        return index, _Index(f"{self._prefix}:x:{name}")

    async def _indexes(self, query: RecordQuery) -> Sequence[_Index]:
        """Choose the keys that hold the fewest candidates."""
        names = [DELETED, *Status]
        if query.dead_letters:
            names = [Status.FAILED]
        elif query.status:
            names = [query.status, DELETED] if query.status is Status.FAILED else [query.status]
        by_status = [part for name in names for part in self._of_status(name)]
        others = [
            _Index(f"{self._prefix}:{kind}:{value}")
            for kind, value in (("f", query.reference), ("u", query.user_id), ("g", query.tag))
            if value is not None
        ]
        # All lists are read as one.
        apart = list({(index.key, index.base): index for index in by_status}.values())
        if not others:
            return apart
        # A damaged index is asked only if all others are longer.
        held = await self._counts([*others, *by_status], damaged=_MANY)
        fewest, key = min(zip(held, (index.key for index in others), strict=False))
        return [_Index(key)] if fewest <= sum(held[len(others) :]) else apart

    async def _after(
        self, indexes: Sequence[_Index], position: Position
    ) -> tuple[Sequence[Position], bool]:
        """Return the next positions in all indexes together, and whether there are no more."""
        offsets = [0] * len(indexes)
        while True:
            places = zip(offsets, (index.base for index in indexes), strict=True)
            arguments = [position[0], _BATCH, *chain.from_iterable(places)]
            replies = await self._positions(keys=[each.key for each in indexes], args=arguments)
            batches = [_positions(reply) for reply in replies]
            full = [batch[-1] for batch in batches if len(batch) == _BATCH]
            # Beyond the end of a full batch, its index may hold more that would come in between.
            horizon = max(full, default=(-1, ""))
            ahead = {at for batch in batches for at in batch if horizon <= at < position}
            if ahead or not full:
                return sorted(ahead, reverse=True)[:_BATCH], not full and len(ahead) <= _BATCH
            # Many records of one millisecond: those that come before `position` filled a batch.
            for number, batch in enumerate(batches):
                if len(batch) == _BATCH and batch[-1] >= position:
                    offsets[number] += _BATCH

    async def _rows(self, positions: Sequence[Position]) -> Sequence[tuple[Position, Row]]:
        ids = [trace_id for _, trace_id in positions]
        rows = map(row_of, await self._records(keys=[self._prefix], args=ids))
        return list(zip(positions, rows, strict=True))


def _positions(reply: Sequence[str]) -> Sequence[Position]:
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return [(_bounded(float(score)), trace_id) for trace_id, score in pairs]


def _count(reply: object, damaged: int) -> int:
    text = str(reply or 0)
    return max(int(text), 0) if text.removeprefix("-").isdecimal() else damaged


def _bounded(score: float) -> int:
    return int(min(max(score, 0), _NEWEST[0]))  # whatever somebody has put there by hand


def _page(query: RecordQuery, records: Sequence[NotificationRecord]) -> RecordPage:
    last = records[-1]
    cursor = encode_cursor(query, (to_ms(last.created_at), last.trace_id))
    return RecordPage(items=tuple(records), next_cursor=cursor)


def _newest(query: RecordQuery) -> Position:
    # What was last changed before `until` was made before it, too.
    return _NEWEST if query.until is None else (to_ms(query.until) + 1, "")
