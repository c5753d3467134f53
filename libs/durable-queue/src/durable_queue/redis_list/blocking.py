"""BLPOP, on connections of its own."""

import asyncio
from collections.abc import Sequence
from typing import Final, cast

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from durable_queue.redis_list.connections import Connect, exchange, hang_up, packed
from durable_queue.redis_list.errors import says_not_me

_MARGIN_S: Final = 3.0


class BlockingPops:
    """One connection for each task that waits; idle ones are kept for the next.

    A waiting task must not be cancelled: an element that is on its way would be lost. `client_id`
    says whom to CLIENT UNBLOCK instead.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._idle: list[_Blocker] = []
        self._waiting: dict[asyncio.Task[object] | None, _Blocker] = {}

    async def pop(self, keys: Sequence[str], wait_s: float) -> tuple[bytes, bytes] | None:
        """Return a key and the element popped from it, or None after `wait_s` > 0.

        Raises:
            RedisError, OSError: an element that was on its way is lost to us.
        """
        blocker = self._idle.pop() if self._idle else _Blocker(self._connect())
        caller = asyncio.current_task()
        self._waiting[caller] = blocker
        try:
            async with asyncio.timeout(wait_s + _MARGIN_S):
                popped = await blocker.pop(keys, wait_s)
        except BaseException as error:
            await hang_up(blocker.connection)
            if says_not_me(error):
                await self._leave()
            raise
        finally:
            del self._waiting[caller]
        self._idle.append(blocker)
        return popped

    def client_id(self, task: "asyncio.Task[object]") -> int | None:
        """Return Redis's number of the connection on which a task waits, if it does."""
        blocker = self._waiting.get(task)
        return blocker.client_id if blocker else None

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await hang_up(self._idle.pop().connection, wait=True)

    async def _leave(self) -> None:
        # They lead to the same server, and the name may lead to another by now.
        while self._idle:
            await hang_up(self._idle.pop().connection)


class _Blocker:
    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.client_id: int | None = None

    async def pop(self, keys: Sequence[str], wait_s: float) -> tuple[bytes, bytes] | None:
        if not self.connection.is_connected:
            await self._learn_client_id()
        command = packed("BLPOP", *keys, f"{wait_s:.3f}")
        [reply] = await exchange(self.connection, command, 1)
        if isinstance(reply, ResponseError):
            raise reply
        return cast("tuple[bytes, bytes] | None", reply and tuple(cast("list[bytes]", reply)))

    async def _learn_client_id(self) -> None:
        [reply] = await exchange(self.connection, packed("CLIENT", "ID"), 1)
        self.client_id = reply if isinstance(reply, int) else None
