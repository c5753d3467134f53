"""The ledger on Redis. The queue's scripts write it (`lua_recorder`); this reads it.

Keys, under the queue's prefix `P`, as `record.lua` writes them:

    P:e:<id>       HASH    the message's own; ours in it: n:s status, n:r reason, n:c channel,
                           n:a attempts, n:u user id; in ms: n:ct created, n:ut updated,
                           n:nx next attempt
    P:t:<id>       STRING  the timeline, a line per entry: ms, status, reason, channel, rest as JSON
    P:x:<status>   ZSET    id by created ms; a deleted dead letter is in P:x:deleted
    P:u:<user_id>  ZSET    id by created ms
    P:changes      STREAM  status changes, the latest 100,000
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from typing import Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from service_kit.queue.port import Change, QueueUnavailable
from service_kit.queue.recorder import Recorded
from service_kit.queue.redis_list.batcher import Batcher
from service_kit.queue.redis_list.connections import connector
from service_kit.queue.redis_list.runner import ScriptRunner

from notification_ledger.claims import RedisClaims
from notification_ledger.cursors import parse_change_id
from notification_ledger.feed import READ_TIMEOUT_S, ChangeFeed
from notification_ledger.notes import StatusNote
from notification_ledger.paging import RecordReader
from notification_ledger.port import LedgerUnavailable
from notification_ledger.record import (
    ChangesMissed,
    NotificationRecord,
    RecordPage,
    RecordQuery,
    StatusChange,
)
from notification_ledger.rows import to_ms
from notification_ledger.scripts import lua_recorder, writing_scripts

__all__ = ["RedisLedger", "lua_recorder"]

_WRITE_TIMEOUT: Final = timedelta(seconds=1.5)
_ACCEPTING: Final = frozenset({Change.ENQUEUED, Change.SCHEDULED})


class RedisLedger:
    """Reads the records that a Redis queue keeps in its own database; a `Ledger`.

    Behind another broker it also writes them: a `LedgerWriter`. `namespace` is the queue's.
    `retention` is how long records that this writer ends are kept; a Redis queue has its own.
    """

    def __init__(
        self, url: str, *, namespace: str = "an", retention: timedelta = timedelta(days=30)
    ) -> None:
        self._redis = _client(url, connections=32, timeout_s=2)
        self._prefix = f"{{{namespace}:0}}"
        self._following = _client(url, connections=4, timeout_s=READ_TIMEOUT_S)
        self._feed = ChangeFeed(self._following, f"{self._prefix}:changes")
        self._retention_ms = retention // timedelta(milliseconds=1)
        self._reader = RecordReader(self._redis, self._prefix)
        self._batcher = Batcher(connector(url), timeout=_WRITE_TIMEOUT)
        self._scripts = ScriptRunner(self._batcher, writing_scripts(), self._prefix)
        self.claims = RedisClaims(self._scripts, retention)
        """Which message is whose, for a queue whose broker does not know; kept beside the records,
        over the same connection."""

    async def get(self, trace_id: str) -> NotificationRecord | None:
        """See `Ledger.get`."""
        with _translated():
            return await self._reader.get(trace_id)

    async def find(self, query: RecordQuery) -> RecordPage:
        """See `Ledger.find`."""
        with _translated():
            return await self._reader.find(query)

    async def changes(
        self, after: str | None = None, *, trace_id: str | None = None
    ) -> AsyncGenerator[StatusChange | ChangesMissed]:
        """See `Ledger.changes`."""
        position = None if after is None else parse_change_id(after)
        with _translated():
            async with aclosing(self._feed.follow(position, trace_id)) as changes:
                async for change in changes:
                    yield change

    async def latest_change(self) -> str:
        """See `Ledger.latest_change`."""
        with _translated():
            milliseconds, number = await self._feed.latest()
        return f"{milliseconds}-{number}"

    async def record(self, recorded: Recorded) -> None:
        """See `LedgerWriter.record`."""
        due_ms = to_ms(recorded.due_at) if recorded.due_at else 0
        arguments = (recorded.lane, to_ms(recorded.at), due_ms, recorded.note)
        await self._run(recorded.change, recorded.message_id, *arguments)

    async def report(self, trace_id: str, note: StatusNote) -> bool:
        """See `LedgerWriter.report`."""
        return bool(await self._run("reported", trace_id, "", 0, 0, note.encode()))

    async def ping(self) -> None:
        """Ask Redis for an answer. Raises `LedgerUnavailable`."""
        with _translated():
            await self._redis.ping()

    async def close(self) -> None:
        """Close all connections."""
        await self._batcher.close()
        await self._feed.close()
        await self._following.aclose()
        await self._redis.aclose()

    async def _run(self, change: str, message_id: str, *arguments: str | int | bytes) -> int:
        script = "accept" if change in _ACCEPTING else "write"
        try:
            reply = await self._scripts.run(
                script, change, message_id, *arguments, self._retention_ms
            )
        except QueueUnavailable as error:
            raise LedgerUnavailable(str(error)) from error
        return cast("int", reply)


def _client(url: str, *, connections: int, timeout_s: float) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=1,
        # Once more when the connection is gone, as it is after a restart of Redis.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        decode_responses=True,
        encoding_errors="replace",
        protocol=2,
    )
    return Redis.from_pool(pool)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    # uvloop raises a RuntimeError when a connection was closed in the meantime.
    except (RedisError, OSError, RuntimeError) as error:
        raise LedgerUnavailable(str(error)) from error
