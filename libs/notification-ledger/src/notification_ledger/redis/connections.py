"""Connections on which the ledger is read: they follow the primary.

A replica answers reads. After a failover in which the old primary stays up as a
replica, connections that are kept would read from it for ever, while the name leads to the new one.
"""

import asyncio
from typing import Final

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

_LOOK_EVERY_S: Final = 5.0


class _FollowsThePrimary(AbstractConnection):
    """Connects anew, and so resolves the name anew, when it finds that it reads from a replica."""

    _looked_at: float | None = None

    async def check_health(self) -> None:
        """Check the server's role before a command, every few seconds."""
        now = asyncio.get_running_loop().time()
        if self._looked_at is not None and now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        if await self._is_to_a_replica():
            await self.disconnect()
            await self.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def _is_to_a_replica(self) -> bool:
        await self.send_command("ROLE", check_health=False)
        try:
            role, *_ = await self.read_response()
        except ResponseError:
            return False  # this user may not ask
        return bool(role != "master")


class _Plain(_FollowsThePrimary, Connection):
    pass


class _Encrypted(_FollowsThePrimary, SSLConnection):
    pass


def reading_client(url: str, *, connections: int, timeout_s: float) -> Redis:
    """Return a client that decodes replies, and that waits `timeout_s` for each."""
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
    is_encrypted = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = _Encrypted if is_encrypted else _Plain
    return Redis.from_pool(pool)
