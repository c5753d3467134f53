"""Claims and records that another process keeps; `claim_protocol` says how it is asked."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import PublishError
from service_kit.epoch import to_ms, utc_now

from durable_queue.claims.store import ClaimStore, Operation, Reply
from durable_queue.clock import KnowsRemoteTime, RemoteClock
from durable_queue.port import QueueError, QueueUnavailable
from durable_queue.rabbitmq.claim_protocol import NOW_HEADER, ClaimSession, to_wire
from durable_queue.rabbitmq.connection import Connection, notify_when_closed
from durable_queue.rabbitmq.errors import as_queue_errors
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology

_REPLY_TO: Final = "amq.rabbitmq.reply-to"
_MOST_AT_ONCE: Final = 256

_Answer = tuple[list[Reply | None], int]
_Asked = tuple[Operation, asyncio.Future[Reply | QueueError]]


class _RequestSession(ClaimSession):
    def __init__(self, channel: AbstractChannel, exchange: str, clock: RemoteClock) -> None:
        super().__init__(channel, exchange)
        self._waiting: dict[str, asyncio.Future[_Answer]] = {}
        self._number = 0
        self._clock = clock

    async def open(self) -> None:
        replies = await self.channel.get_queue(_REPLY_TO, ensure=False)
        await replies.consume(self._on_reply, no_ack=True)

    async def ask(self, operations: Sequence[Operation]) -> list[Reply | None]:
        """Return what the server replies; None for an operation that failed."""
        self._number += 1
        key = str(self._number)
        self._waiting[key] = reply = asyncio.get_running_loop().create_future()
        wire = [to_wire(operation) for operation in operations]
        body = json.dumps(wire, separators=(",", ":")).encode()
        message = Message(body, correlation_id=key, reply_to=_REPLY_TO)
        asked_at = self._clock.monotonic()
        try:
            exchange = await self.channel.get_exchange(self.exchange, ensure=False)
            await exchange.publish(message, "", mandatory=True)
            answer: _Answer = await reply
            replies, shown_ms = answer
            self._clock.observe(shown_ms, asked_at=asked_at)
            return replies
        finally:
            del self._waiting[key]

    async def _on_reply(self, incoming: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(incoming.correlation_id or "")
        if waiting is not None and not waiting.done():
            # A server of an earlier release does not say what time it is.
            shown_ms = incoming.headers.get(NOW_HEADER, 0)
            shown_ms = shown_ms if isinstance(shown_ms, int) and shown_ms else to_ms(utc_now())
            waiting.set_result((json.loads(incoming.body), shown_ms))


class RemoteClaimStore(KnowsRemoteTime, ClaimStore):
    """A `ClaimStore` that asks the claim server."""

    def __init__(self, url: str, options: RabbitOptions | None = None) -> None:
        options = options or RabbitOptions()
        self._exchange = Topology(options).status
        self._timeout_s = options.call_timeout.total_seconds()
        super().__init__()
        self._connection = Connection(url, options, role="ask", set_up=self._set_up)
        self._pending: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        """See `ClaimStore.run_many`."""
        loop = asyncio.get_running_loop()
        asked = [(operation, loop.create_future()) for operation in operations]
        self._pending += asked
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return [await answer for _, answer in asked]

    async def faults(self) -> Sequence[str]:
        """See `ClaimStore.faults`: a memory promises nothing."""
        return ()

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            await self._asking
        await self._connection.close()

    async def _ask(self) -> None:
        try:
            while self._pending:
                batch = self._pending[:_MOST_AT_ONCE]
                del self._pending[:_MOST_AT_ONCE]
                await self._ask_for(batch)
        finally:
            self._asking = None

    async def _ask_for(self, batch: Sequence[_Asked]) -> None:
        replies: Sequence[Reply | QueueError | None]
        try:
            replies = await self._replies([operation for operation, _ in batch])
        except QueueError as error:
            replies = [error] * len(batch)
        for (operation, answer), reply in zip(batch, replies, strict=True):
            failed = QueueUnavailable(f"the claim server could not do {operation.name}")
            if not answer.done():
                answer.set_result(failed if reply is None else reply)

    async def _replies(self, operations: Sequence[Operation]) -> list[Reply | None]:
        try:
            with as_queue_errors():
                session = await self._connection.get()
                async with asyncio.timeout(self._timeout_s):
                    return await session.ask(operations)
        except QueueError as error:
            if isinstance(error.__cause__, PublishError):
                raise QueueUnavailable(
                    "the process that keeps track of messages is away"
                ) from error
            raise

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> _RequestSession:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        session = _RequestSession(channel, self._exchange, self._clock)
        await session.check()
        await session.open()
        notify_when_closed(channel, "a channel", broken)
        return session
