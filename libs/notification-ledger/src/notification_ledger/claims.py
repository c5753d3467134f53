"""Claims on Redis, beside the records: for a queue whose broker does not know single messages.

    P:q:<id>   HASH  st(ate) hop tok(en) un(til ms) dl deliveries vd verdict mv ho(ld) key
    P:k:<key>  HASH  id fp(fingerprint) an(swer)   of a dedupe key; goes when it may be used again

`claims.lua` says in Lua what `service_kit.queue.claims.book` says in Python; one suite of tests
holds for both. A claim that ended goes after the retention; times are Redis's.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from service_kit.queue.claims.store import Argument, Reply
from service_kit.queue.port import QueueUnavailable

_MOST_AT_ONCE: Final = 256

_Call = tuple[tuple[Argument, ...], asyncio.Future[Reply]]


class RedisClaims:
    """A `ClaimStore` that all processes share, and that outlives them.

    What is asked for while a round trip is under way goes into the next one.
    """

    def __init__(
        self, url: str, *, namespace: str = "an", retention: timedelta = timedelta(days=30)
    ) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=2,
            timeout=2,
            socket_timeout=2,
            socket_connect_timeout=1,
            # Once more when the connection is gone; no operation does harm when it comes twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            decode_responses=True,
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        self._prefix = f"{{{namespace}:0}}"
        self._retention_ms = retention // timedelta(milliseconds=1)
        self._source = files("notification_ledger").joinpath("lua/claims.lua").read_text("utf-8")
        self._sha = ""
        self._pending: list[_Call] = []
        self._asking: asyncio.Task[None] | None = None

    async def run(self, operation: str, *arguments: Argument) -> Reply:
        """See `ClaimStore.run`."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending.append(((operation, *arguments), answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def close(self) -> None:
        """Close all connections."""
        if self._asking is not None:
            await self._asking
        await self._redis.aclose()

    async def _ask(self) -> None:
        try:
            while self._pending:
                batch = self._pending[:_MOST_AT_ONCE]
                del self._pending[:_MOST_AT_ONCE]
                await self._ask_for(batch)
        finally:
            self._asking = None

    async def _ask_for(self, batch: Sequence[_Call]) -> None:
        try:
            replies = await self._replies([call for call, _ in batch])
        # uvloop raises a RuntimeError when a connection was closed in the meantime.
        except (RedisError, OSError, RuntimeError) as error:
            replies = [error] * len(batch)
        for (_, answer), reply in zip(batch, replies, strict=True):
            if answer.done():
                continue
            if isinstance(reply, Exception):
                failure = QueueUnavailable(f"claims can't be kept: {reply!r}")
                failure.__cause__ = reply
                answer.set_exception(failure)
            else:
                answer.set_result(cast(Reply, reply))

    async def _replies(self, calls: Sequence[tuple[Argument, ...]]) -> list[object]:
        if not self._sha:
            self._sha = await self._redis.script_load(self._source)
        replies = await self._run_all(calls)
        unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:  # Redis was restarted; these did nothing
            self._sha = await self._redis.script_load(self._source)
            again = await self._run_all([calls[n] for n in unknown])
            for n, reply in zip(unknown, again, strict=True):
                replies[n] = reply
        return replies

    async def _run_all(self, calls: Sequence[tuple[Argument, ...]]) -> list[object]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for operation, subject, *rest in calls:
                key = f"{self._prefix}:q:{subject}"
                fixed = (self._prefix, self._retention_ms, operation, subject)
                pipeline.evalsha(self._sha, 1, key, *fixed, *rest)
            return cast("list[object]", await pipeline.execute(raise_on_error=False))
