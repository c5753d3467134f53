"""Lists records from the ledger's indexes in Redis: newest first, in bounded steps."""

from collections.abc import Sequence
from typing import Any, Final

from notification_contracts.states import Status
from redis.asyncio import Redis

from notification_ledger.cursors import Position, decode_cursor, encode_cursor
from notification_ledger.record import NotificationRecord, RecordPage, RecordQuery
from notification_ledger.rows import DELETED, FIELDS, matches, record_of, to_ms

SCAN_LIMIT: Final = 2_000
"""How many records one call looks at, at most: some ten milliseconds of Redis' time."""

_BATCH: Final = 200
_NEWEST: Position = (10**15 - 1, "\x7f")


async def find_page(redis: Redis, prefix: str, query: RecordQuery) -> RecordPage:
    """Return the page of `query`; Redis' errors come as they are."""
    position = decode_cursor(query.cursor) if query.cursor else _newest(query)
    keys = await _indexes(redis, prefix, query)
    found: list[NotificationRecord] = []
    looked_at = 0
    while looked_at < SCAN_LIMIT:
        positions, is_last = await _after(redis, keys, position)
        for candidate, record in await _read(redis, prefix, positions, query):
            position = candidate
            if record:
                found.append(record)
            if len(found) > query.limit:
                return _page(found[: query.limit])
        if is_last:
            return RecordPage(items=tuple(found), next_cursor=None)
        looked_at += len(positions)
    return RecordPage(items=tuple(found), next_cursor=encode_cursor(position))


def _page(records: Sequence[NotificationRecord]) -> RecordPage:
    last = records[-1]
    cursor = encode_cursor((to_ms(last.created_at), last.trace_id))
    return RecordPage(items=tuple(records), next_cursor=cursor)


def _newest(query: RecordQuery) -> Position:
    # What was last changed before `until` was made before it, too.
    return _NEWEST if query.until is None else (to_ms(query.until) + 1, "")


async def _indexes(redis: Redis, prefix: str, query: RecordQuery) -> Sequence[str]:
    """Choose the keys that hold the fewest candidates."""
    names = [DELETED, *Status]
    if query.dead_letters:
        names = [Status.FAILED]
    elif query.status:
        names = [query.status, DELETED] if query.status is Status.FAILED else [query.status]
    by_status = [f"{prefix}:x:{name}" for name in names]
    if query.user_id is None:
        return by_status
    by_user = f"{prefix}:u:{query.user_id}"
    async with redis.pipeline(transaction=False) as pipeline:
        for key in (by_user, *by_status):
            pipeline.zcard(key)
        of_user, *of_statuses = await pipeline.execute()
    return [by_user] if of_user <= sum(of_statuses) else by_status


async def _after(
    redis: Redis, keys: Sequence[str], position: Position
) -> tuple[Sequence[Position], bool]:
    """Return the next positions in all indexes together, and whether there are no more."""
    newest, offset = position[0], 0
    while True:
        # One transaction: what moves from one index to another meanwhile is seen in one of them.
        async with redis.pipeline(transaction=True) as pipeline:
            for key in keys:
                pipeline.zrevrangebyscore(key, newest, "-inf", offset, _BATCH, withscores=True)
            replies: list[list[Any]] = await pipeline.execute()
        batches = [[(int(score), member) for member, score in reply] for reply in replies]
        full = [batch[-1] for batch in batches if len(batch) == _BATCH]
        # Beyond the end of a full batch, its index may hold more that would come in between.
        horizon = max(full, default=(-1, ""))
        ahead = {at for batch in batches for at in batch if horizon <= at < position}
        if ahead or not full:
            return sorted(ahead, reverse=True)[:_BATCH], not full and len(ahead) <= _BATCH
        offset += _BATCH


async def _read(
    redis: Redis, prefix: str, positions: Sequence[Position], query: RecordQuery
) -> Sequence[tuple[Position, NotificationRecord | None]]:
    async with redis.pipeline(transaction=True) as pipeline:
        for _, trace_id in positions:
            pipeline.hmget(f"{prefix}:e:{trace_id}", FIELDS)
            pipeline.get(f"{prefix}:t:{trace_id}")
        replies: list[Any] = await pipeline.execute()
    return [
        (at, record_of(at[1], row, timeline or "") if row[0] and matches(row, query) else None)
        for at, row, timeline in zip(positions, replies[::2], replies[1::2], strict=True)
    ]
