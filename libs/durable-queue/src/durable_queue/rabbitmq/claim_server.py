"""Keeps claims and records for all processes; `claim_protocol` says how it is asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.exceptions import ChannelLockedResource
from service_kit.epoch import to_ms
from service_kit.logs import get_logger

from durable_queue.claims.store import ClaimStore, Reply
from durable_queue.port import QueueError, QueueUnavailable
from durable_queue.rabbitmq.claim_protocol import NOW_HEADER, ClaimSession, WireOperation, from_wire
from durable_queue.rabbitmq.connection import Connection, notify_when_closed
from durable_queue.rabbitmq.errors import regardless
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology

log = get_logger(__name__)


class ClaimServerRuns(QueueUnavailable):
    """Raised when another process keeps claims and records already."""


class ClaimServer:
    """Keeps claims and records for all processes. A `Resource`; only one can be at work.

    `calls` are what else it can be asked to do, by name, beside the operations of claims.
    """

    def __init__(
        self,
        url: str,
        claims: ClaimStore,
        options: RabbitOptions | None = None,
        *,
        calls: Mapping[str, Callable[..., Awaitable[Reply]]] | None = None,
    ) -> None:
        options = options or RabbitOptions()
        self._calls = calls or {}
        self._exchange = Topology(options).status
        self._claims = claims
        self._channel: AbstractChannel | None = None
        self._in_turn = asyncio.Lock()
        self._connection = Connection(url, options, role="keep", set_up=self._set_up)

    async def start(self) -> None:
        """Begin to answer, or try for ever if RabbitMQ is away."""
        with suppress(QueueUnavailable):
            await self._connection.get()

    async def check(self) -> None:
        """Raise `QueueUnavailable` if RabbitMQ is away, or another process keeps claims."""
        await self._connection.get()

    async def stop(self) -> None:
        """Answer no more."""
        await self._connection.close()

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> ClaimSession:
        channel = await connection.channel(publisher_confirms=False)
        session = ClaimSession(channel, self._exchange)
        await session.check()
        try:
            queue = await channel.declare_queue(f"{self._exchange}.v1", exclusive=True)
        except ChannelLockedResource as error:
            raise ClaimServerRuns(
                "another process keeps track of messages in its memory: there can be only one, "
                "unless a Redis does it (LEDGER_URL)"
            ) from error
        await queue.bind(self._exchange, "")
        await channel.set_qos(prefetch_count=64)
        self._channel = channel
        await queue.consume(self._on_request)
        notify_when_closed(channel, "the channel", broken)
        return session

    async def _on_request(self, incoming: AbstractIncomingMessage) -> None:
        async with self._in_turn:
            replies = [await self._do(operation) for operation in json.loads(incoming.body)]
        # If this fails, the caller asks again.
        with regardless():
            await self._answer(incoming, replies)
            await incoming.ack()

    async def _answer(
        self, incoming: AbstractIncomingMessage, replies: Sequence[Reply | None]
    ) -> None:
        if self._channel is None or not incoming.reply_to:
            return
        answer = Message(
            json.dumps(replies, separators=(",", ":")).encode(),
            correlation_id=incoming.correlation_id,
            headers={NOW_HEADER: to_ms(self._claims.now())},
        )
        await self._channel.default_exchange.publish(answer, incoming.reply_to, mandatory=False)

    async def _do(self, wire: WireOperation) -> Reply | None:
        try:
            operation = from_wire(wire)
        except (TypeError, ValueError):
            log.exception(
                "claim_server.not_understood"
            )  # a newer release may have words of its own
            return None
        try:
            if call := self._calls.get(operation.name):
                return await call(*operation.arguments)
            [outcome] = await self._claims.run_many([operation])
        except Exception:
            log.exception("claim_server.failed", operation=operation.name)
            return None
        if isinstance(outcome, QueueError):
            log.error("claim_server.failed", operation=operation.name, exc_info=outcome)
            return None
        return outcome
