"""Calls that are made in one tick of the event loop share one pipeline.

One round trip a call is what a queue costs; a pipeline of n calls costs one. While one is under way
the next gathers, so that the busier it is, the cheaper each call becomes.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from durable_queue.redis_list.connections import (
    Argument,
    Connect,
    Reply,
    exchange,
    hang_up,
    packed,
)
from durable_queue.redis_list.errors import says_not_me

_PIPELINE_LIMIT: Final = 256
_PIPELINE_BYTES: Final = 1 << 20  # what a slow network carries within the timeout
_PAUSE_S: Final = 0.05


class PendingReply(asyncio.Future[Reply]):
    """What a command under way will reply. If cancelled, the command is sent nevertheless."""

    def __init__(self) -> None:
        super().__init__()
        self.was_repeated = False
        """True if it was sent twice, because its first reply was lost or it never arrived."""

    def fail(self, error: Exception) -> None:
        """Let it raise `error`, unless it is done."""
        if not self.done():
            self.set_exception(error)

    def answer(self, reply: Reply) -> None:
        """Let it return `reply`, or raise it if it is an error, unless it is done."""
        if isinstance(reply, Exception):
            self.fail(reply)
        elif not self.done():
            self.set_result(reply)


class PendingCommand(PendingReply):
    """A command under way; await it for its reply."""

    def __init__(self, *command: Argument, is_repeatable: bool = True) -> None:
        super().__init__()
        self.is_repeatable = is_repeatable
        self._wire = packed(*command)

    def wire(self) -> bytes:
        """Return it as it goes over the wire; it is asked for when its pipeline is made."""
        return self._wire


class Batcher:
    """Sends commands over one connection, in the order in which they come.

    A command that Redis refuses fails alone. When the connection breaks, what may be repeated is
    sent once more on a new one; when that fails too, or the time is up, all waiting calls fail:
    none waits longer than `timeout` for a Redis that is down. A server that says that it is not the
    one to ask, as a primary does that became a replica, is left: what it refused is sent once more
    to wherever the name leads by now.
    """

    def __init__(self, connect: Connect, *, timeout: timedelta) -> None:
        self._connect = connect
        self._timeout_s = timeout.total_seconds()
        self._connection: AbstractConnection | None = None
        self._pending: deque[PendingCommand] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._is_closed = False
        self._is_leaving = False

    def call(self, *command: Argument, is_repeatable: bool = True) -> PendingCommand:
        """Queue a command; it raises `RedisError` or `OSError` when awaited, if it failed."""
        call = PendingCommand(*command, is_repeatable=is_repeatable)
        self.submit(call)
        return call

    def submit(self, call: PendingCommand) -> None:
        """Queue a command that was made before."""
        if self._is_closed:
            call.fail(RedisConnectionError("the queue is closed"))
            return
        self._pending.append(call)
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    def leave(self) -> None:
        """Go on with a new connection: the name may lead to another server by now."""
        self._is_leaving = True

    async def close(self) -> None:
        """Finish what is under way, then close the connection."""
        self._is_closed = True
        if self._draining is not None:
            await self._draining
        if self._connection is not None:
            await hang_up(self._connection, wait=True)

    async def _drain(self) -> None:
        try:
            while self._pending:
                await self._answer(self._next_pipeline())
        finally:
            self._draining = None

    def _next_pipeline(self) -> list[PendingCommand]:
        calls: list[PendingCommand] = []
        size = 0
        while self._pending and len(calls) < _PIPELINE_LIMIT and size < _PIPELINE_BYTES:
            calls.append(self._pending.popleft())
            size += len(calls[-1].wire())
        return calls

    async def _answer(self, calls: Sequence[PendingCommand]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._answer_or_repeat(calls)
        except Exception as error:  # noqa: BLE001 - whatever it is: a call must never wait for ever
            await self._hang_up()
            if not isinstance(error, RedisError | OSError):
                error = RedisConnectionError(f"{type(error).__name__}: {error}")
            for call in (*calls, *self._pending):
                call.fail(error)
            self._pending.clear()

    async def _answer_or_repeat(self, calls: Sequence[PendingCommand]) -> None:
        try:
            again = list(await self._attempt(calls))
        except (RedisError, OSError) as error:
            await self._hang_up()
            again = [call for call in calls if call.is_repeatable]
            for call in calls:
                call.was_repeated = call.is_repeatable
                if not call.is_repeatable:
                    call.fail(error)
        if again:
            await asyncio.sleep(_PAUSE_S)
            for call, refusal in (await self._attempt(again)).items():
                call.answer(refusal)

    async def _attempt(self, calls: Sequence[PendingCommand]) -> Mapping[PendingCommand, Reply]:
        """Answer the calls; return those that this server would not take, and what it said."""
        if self._is_leaving:
            await self._hang_up()
        if self._connection is None:
            self._connection = self._connect()
        commands = b"".join(call.wire() for call in calls)
        replies = await exchange(self._connection, commands, len(calls))
        refused = {}
        for call, reply in zip(calls, replies, strict=True):
            if says_not_me(reply):
                refused[call] = reply
            else:
                call.answer(reply)
        if refused:
            await self._hang_up()
        return refused

    async def _hang_up(self) -> None:
        self._is_leaving = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await hang_up(connection)
