"""The ledger on Redis. The queue's scripts write it (`lua_recorder`); this reads it.

Keys, under the queue's prefix `P`, as `record.lua` writes them:

    P:e:<id>       STRING  the message's own; after its first line the record: a line of columns
                           and the timeline, as `rows.py` says
    P:x            ZSET    id by the rank of its status times 2**42, and created ms; a deleted dead
                           letter has a rank of its own
    P:h:<n>        LIST    of what is sent or delivered and was made within the n-th 4,096 ms: how
                           many ms after its first, three hex digits, and the id
    P:h            ZSET    n by n, of those lists
    P:n            HASH    how many are sent, how many delivered
    P:u:<user_id>  ZSET    id by created ms
    P:g:<tag>      ZSET    id by created ms, of those with this tag; P:f:<reference> likewise
    P:m:<message>  STRING  the id, of what a provider took: `provider TAB its id`, as long as the
                           timeline names it; after a TAB a word, if it took several of this one
    P:r:<message>  LIST    receipts of a message that no record has, for ten minutes
    P:o, P:o:<n>           what has ended; kept by the queue, or beside it by `write.lua`
    P:due          ZSET    id by when it is due, ms, of what waits for a time
    P:changes      STREAM  status changes, the latest 100,000

The release before kept the record as fields `n:…` of a hash, the timeline in `P:t:<id>`, and an
index of each status, `P:x:<status>`. Both are read; the audit makes the new form of all.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import datetime, timedelta

from durable_queue.port import QueueUnavailable
from durable_queue.recorder import ChangeEvent
from durable_queue.redis_list.errors import unavailable
from notification_contracts.states import Status
from redis.exceptions import NoPermissionError, RedisError

from notification_ledger.reading import (
    ChangesMissed,
    DeadLetterGroups,
    LedgerUnavailable,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
    parse_change_id,
)
from notification_ledger.redis.claims import RedisClaimStore
from notification_ledger.redis.connections import reading_client
from notification_ledger.redis.feed import READ_TIMEOUT_S, ChangeFeed
from notification_ledger.redis.grouping import DeadLetterCounter
from notification_ledger.redis.paging import RecordReader
from notification_ledger.status_update import StatusUpdate


class RedisLedger:
    """Reads the records that a Redis queue keeps in its own database; a `LedgerReader`.

    Behind another broker it also writes them: a `LedgerWriter`. `namespace` is the queue's.
    `retention` is how long records that this writer ends are kept; a Redis queue has its own.
    """

    def __init__(
        self, url: str, *, namespace: str = "an", retention: timedelta = timedelta(days=30)
    ) -> None:
        self._redis = reading_client(url, connections=32, timeout_s=2)
        self._prefix = f"{{{namespace}:0}}"
        self._following = reading_client(url, connections=4, timeout_s=READ_TIMEOUT_S)
        self._feed = ChangeFeed(self._following, f"{self._prefix}:changes")
        self._reader = RecordReader(self._redis, self._prefix)
        self._counter = DeadLetterCounter(self._redis, self._prefix)
        self._writer = RedisClaimStore(url, namespace=namespace, retention=retention)

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """See `LedgerReader.get`."""
        with translated():
            return await self._reader.get(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        """See `LedgerReader.find`."""
        with translated():
            return await self._reader.find(query)

    async def count_by_status(self) -> Mapping[Status, int]:
        """See `LedgerReader.count_by_status`."""
        with translated():
            return await self._reader.count_by_status()

    async def dead_letter_groups(self) -> DeadLetterGroups:
        """See `LedgerReader.dead_letter_groups`."""
        with translated():
            return await self._counter.count()

    async def changes(
        self, after: str | None = None, *, trace_id: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """See `LedgerReader.changes`."""
        position = None if after is None else parse_change_id(after)
        with translated():
            async with aclosing(self._feed.follow(position, trace_id)) as changes:
                async for change in changes:
                    yield change

    async def latest_change(self) -> str:
        """See `LedgerReader.latest_change`."""
        with translated():
            milliseconds, number = await self._feed.latest()
        return f"{milliseconds}-{number}"

    async def record(self, recorded: ChangeEvent) -> None:
        """See `LedgerWriter.record`."""
        with translated():
            await self._writer.record(recorded)

    async def report_receipt(self, provider: str, message_id: str, update: StatusUpdate) -> bool:
        """See `LedgerWriter.report_receipt`."""
        with translated():
            return await self._writer.report_receipt(provider, message_id, update)

    async def forget(self, before: datetime, *, limit: int, dry_run: bool = False) -> int:
        """See `LedgerUpkeep.forget`."""
        with translated():
            return await self._writer.forget(before, limit=limit, dry_run=dry_run)

    async def fullness(self) -> float | None:
        """See `LedgerUpkeep.fullness`; None also where INFO is forbidden."""
        with translated():
            try:
                memory = await self._redis.info("memory")
            except NoPermissionError:
                return None
        limit = int(memory.get("maxmemory", 0))
        return int(memory["used_memory"]) / limit if limit else None

    async def overdue(self, by: timedelta) -> int:
        """See `LedgerUpkeep.overdue`."""
        with translated():
            return await self._writer.overdue(by)

    async def ping(self) -> None:
        """Ask Redis for an answer. Raises `LedgerUnavailable`."""
        with translated():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.close()
        await self._feed.close()
        await self._following.aclose()
        await self._redis.aclose()


@contextmanager
def translated() -> Iterator[None]:
    """Raise `LedgerUnavailable` for whatever is wrong with Redis."""
    try:
        yield
    # uvloop raises a RuntimeError when a connection was closed in the meantime.
    except (QueueUnavailable, RedisError, OSError, RuntimeError) as error:
        raise LedgerUnavailable(str(unavailable(error))) from error
