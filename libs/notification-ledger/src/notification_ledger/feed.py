"""Follows the stream of status changes in Redis."""

from collections.abc import AsyncIterator
from typing import Any, Final

from redis.asyncio import Redis

from notification_ledger.cursors import parse_change_id
from notification_ledger.record import ChangesMissed, StatusChange
from notification_ledger.rows import from_ms, status_of

_BLOCK_MS: Final = 2_000  # below the connection's read timeout of 5 s
_BATCH: Final = 500
_START: Final = "0-0"


async def latest_change_id(redis: Redis, stream: str) -> str:
    """Return the id of the stream's latest entry, be it still kept or not."""
    if not await redis.exists(stream):
        return _START
    described: dict[str, Any] = await redis.xinfo_stream(stream)
    return str(described["last-generated-id"])


async def follow(
    redis: Redis, stream: str, after: str | None
) -> AsyncIterator[StatusChange | ChangesMissed]:
    """Yield what comes after the entry `after`, or from now on, for ever."""
    if after is None:
        position = await latest_change_id(redis, stream)
    else:
        position, is_gap = await _resume(redis, stream, after)
        if is_gap:
            yield ChangesMissed()
    while True:
        replies: Any = await redis.xread({stream: position}, count=_BATCH, block=_BLOCK_MS)
        for _, entries in replies or ():
            for entry_id, fields in entries:
                position = entry_id
                yield _change_of(entry_id, fields)


async def _resume(redis: Redis, stream: str, after: str) -> tuple[str, bool]:
    """Return the entry after which to go on, and whether some that followed `after` are gone."""
    wanted = parse_change_id(after)
    if not await redis.exists(stream):
        return _START, wanted != (0, 0)
    described: dict[str, Any] = await redis.xinfo_stream(stream)
    last = str(described["last-generated-id"])
    if wanted > parse_change_id(last):
        return last, True
    first = described["first-entry"]
    kept_from = parse_change_id(first[0]) if first else parse_change_id(last)
    was_trimmed = described["entries-added"] > described["length"]
    return after, was_trimmed and wanted < kept_from


def _change_of(entry_id: str, fields: dict[str, str]) -> StatusChange:
    return StatusChange(
        id=entry_id,
        trace_id=fields["i"],
        user_id=fields["u"] or None,
        channel=fields["c"] or None,
        status=status_of(fields["s"]),
        reason=fields["r"] or None,
        at=from_ms(int(fields["t"])),
    )
