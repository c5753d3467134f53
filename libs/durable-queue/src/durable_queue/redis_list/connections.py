"""Connections to Redis, and one rule: what was asked is answered before anything else is asked.

redis-py would send every command again after an error, up to ten times; here a connection makes one
attempt, and callers that know that a command may be repeated repeat it.
"""

import contextlib
import socket
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, cast

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

Connect = Callable[[], AbstractConnection]
Argument = str | bytes | int
Reply = object

# Of the time that a call has: so that there is some left for another attempt.
_CONNECTING_SHARE: Final = 2 / 3
# A connection that waits for long is given up after some five seconds of a dead network. Not every
# system knows the names.
_KEEPALIVE: Final = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 2))
    if hasattr(socket, name)
}


def connector(url: str, call_timeout: timedelta) -> Connect:
    """Return a maker of connections, not yet connected, to the Redis at this URL.

    `call_timeout` is how long their users wait for a whole call.

    Raises:
        ValueError: the URL is not one of Redis.
    """
    pool = ConnectionPool.from_url(
        url,
        decode_responses=False,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        health_check_interval=0,
        # None: its caller keeps one deadline around a whole exchange.
        socket_timeout=None,
        socket_connect_timeout=call_timeout.total_seconds() * _CONNECTING_SHARE,
        socket_keepalive=True,
        socket_keepalive_options=_KEEPALIVE,
        driver_info=None,
    )
    return cast(Connect, pool.make_connection)


def packed(*command: Argument) -> bytes:
    """Return a command as it goes over the wire."""
    wire: bytes = pack_command(cast("tuple[str]", command))  # its stub knows tuples of one
    return wire


async def exchange(
    connection: AbstractConnection, commands: bytes, replies: int
) -> Sequence[Reply]:
    """Send packed commands, read their replies; an error reply is a `ResponseError` among them.

    Raises:
        RedisError, OSError: the connection broke.
    """
    try:
        return await _exchange(connection, commands, replies)
    except RuntimeError as error:
        # uvloop's way to say that the connection was closed in the meantime.
        raise RedisConnectionError(str(error)) from error


async def _exchange(
    connection: AbstractConnection, commands: bytes, replies: int
) -> Sequence[Reply]:
    if not connection.is_connected:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    await connection.send_packed_command([commands], check_health=False)
    answers: list[Reply] = []
    for _ in range(replies):
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


async def hang_up(connection: AbstractConnection, *, wait: bool = False) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(RedisError, OSError):
        await connection.disconnect(nowait=not wait)
