"""One process keeps claims and records in its memory for all the others, which ask it by message.

    <ns>.status  direct  ─► <ns>.status.v1     requests; exclusive to the keeper
    direct reply-to                            answers

A request is a list of operations of a `ClaimStore`, carried out in order, each with what is to be
told; `record` is one more that only tells. An answer also says what time it is at the keeper. All
that a process asks for while its last request is under way goes into the next. While there is no
keeper requests are returned at once, and whoever asked waits with its message unacknowledged.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from aio_pika import ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import PublishError
from aiormq.exceptions import ChannelLockedResource
from service_kit.logs import get_logger

from durable_queue.claims.store import Argument, ClaimStore, Reply
from durable_queue.clock import DistantClock, GoesByDistantClock, utc_now
from durable_queue.port import Change, QueueError, QueueUnavailable
from durable_queue.rabbitmq.envelope import from_ms, to_ms
from durable_queue.rabbitmq.errors import as_queue_errors, regardless
from durable_queue.rabbitmq.link import Link, tell_if_closed
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology
from durable_queue.recorder import Recorded

log = get_logger(__name__)

_REPLY_TO: Final = "amq.rabbitmq.reply-to"
_NOW: Final = "x-an-now-ms"
_MOST_AT_ONCE: Final = 256

Told = Sequence[str | int]
Operation = tuple[Sequence[Argument], Told | None]
_Answer = tuple[list[Reply | None], int]


class KeptElsewhere(QueueUnavailable):
    """Raised when another process keeps claims and records already."""


class _AskingLine:
    def __init__(self, channel: AbstractChannel, exchange: str, clock: DistantClock) -> None:
        self._channel = channel
        self._exchange = exchange
        self._waiting: dict[str, asyncio.Future[_Answer]] = {}
        self._number = 0
        self._clock = clock

    async def check(self) -> None:
        """Ask the broker something."""
        await self._channel.declare_exchange(self._exchange, ExchangeType.DIRECT, durable=True)

    async def open(self) -> None:
        replies = await self._channel.get_queue(_REPLY_TO, ensure=False)
        await replies.consume(self._on_reply, no_ack=True)

    async def ask(self, operations: Sequence[Operation]) -> list[Reply | None]:
        """Return what the keeper replies; None for an operation that failed."""
        self._number += 1
        key = str(self._number)
        self._waiting[key] = reply = asyncio.get_running_loop().create_future()
        body = json.dumps(operations, separators=(",", ":")).encode()
        message = Message(body, correlation_id=key, reply_to=_REPLY_TO)
        asked_at = self._clock.monotonic()
        try:
            exchange = await self._channel.get_exchange(self._exchange, ensure=False)
            await exchange.publish(message, "", mandatory=True)
            answer: _Answer = await reply
            replies, shown_ms = answer
            self._clock.saw(shown_ms, asked_at=asked_at)
            return replies
        finally:
            del self._waiting[key]

    async def _on_reply(self, incoming: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(incoming.correlation_id or "")
        if waiting is not None and not waiting.done():
            # A keeper of an earlier release does not say what time it is.
            shown_ms = incoming.headers.get(_NOW, 0)
            shown_ms = shown_ms if isinstance(shown_ms, int) and shown_ms else to_ms(utc_now())
            waiting.set_result((json.loads(incoming.body), shown_ms))


class KeeperClient(GoesByDistantClock):
    """A `ClaimStore` that asks the keeper."""

    def __init__(self, url: str, options: RabbitOptions | None = None) -> None:
        options = options or RabbitOptions()
        self._exchange = Topology(options).status
        self._timeout_s = options.call_timeout.total_seconds()
        super().__init__()
        self._link = Link(url, options, role="ask", set_up=self._set_up)
        self._pending: list[tuple[Operation, asyncio.Future[Reply]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def run(
        self, operation: str, *arguments: Argument, tell: Recorded | None = None
    ) -> Reply:
        """See `ClaimStore.run`."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        told = None if tell is None else _to_wire(tell)
        self._pending.append((((operation, *arguments), told), answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def record(self, recorded: Recorded) -> None:
        """See `ClaimStore.record`."""
        await self.run("record", tell=recorded)

    async def faults(self) -> Sequence[str]:
        """See `ClaimStore.faults`: a memory promises nothing."""
        return ()

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            await self._asking
        await self._link.close()

    async def _ask(self) -> None:
        try:
            while self._pending:
                batch = self._pending[:_MOST_AT_ONCE]
                del self._pending[:_MOST_AT_ONCE]
                await self._ask_for(batch)
        finally:
            self._asking = None

    async def _ask_for(self, batch: Sequence[tuple[Operation, asyncio.Future[Reply]]]) -> None:
        replies: Sequence[Reply | QueueError | None]
        try:
            replies = await self._replies([operation for operation, _ in batch])
        except QueueError as error:
            replies = [error] * len(batch)
        for (((name, *_), _), answer), reply in zip(batch, replies, strict=True):
            if answer.done():
                continue
            if isinstance(reply, QueueError):
                answer.set_exception(reply)
            elif reply is None:
                answer.set_exception(QueueUnavailable(f"the keeper could not do {name}"))
            else:
                answer.set_result(reply)

    async def _replies(self, operations: Sequence[Operation]) -> list[Reply | None]:
        try:
            with as_queue_errors():
                line = await self._link.get()
                async with asyncio.timeout(self._timeout_s):
                    return await line.ask(operations)
        except QueueError as error:
            if isinstance(error.__cause__, PublishError):
                raise QueueUnavailable(
                    "the process that keeps track of messages is away"
                ) from error
            raise

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> _AskingLine:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        line = _AskingLine(channel, self._exchange, self._clock)
        await line.check()
        await line.open()
        tell_if_closed(channel, "a channel", broken)
        return line


class _KeepingLine:
    def __init__(self, channel: AbstractChannel, exchange: str) -> None:
        self._channel = channel
        self._exchange = exchange

    async def check(self) -> None:
        """Ask the broker something."""
        await self._channel.declare_exchange(self._exchange, ExchangeType.DIRECT, durable=True)


class Keeper:
    """Keeps claims and records for all processes. A `Resource`; only one can be at work."""

    def __init__(self, url: str, claims: ClaimStore, options: RabbitOptions | None = None) -> None:
        options = options or RabbitOptions()
        self._exchange = Topology(options).status
        self._claims = claims
        self._channel: AbstractChannel | None = None
        self._in_turn = asyncio.Lock()
        self._link = Link(url, options, role="keep", set_up=self._set_up)

    async def start(self) -> None:
        """Begin to answer, or try for ever if RabbitMQ is away."""
        with suppress(QueueUnavailable):
            await self._link.get()

    async def check(self) -> None:
        """Raise `QueueUnavailable` if nobody can ask: RabbitMQ is away, or another keeps."""
        await self._link.get()

    async def stop(self) -> None:
        """Answer no more."""
        await self._link.close()

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> _KeepingLine:
        channel = await connection.channel(publisher_confirms=False)
        line = _KeepingLine(channel, self._exchange)
        await line.check()
        try:
            queue = await channel.declare_queue(f"{self._exchange}.v1", exclusive=True)
        except ChannelLockedResource as error:
            raise KeptElsewhere(
                "another process keeps track of messages in its memory: there can be only one, "
                "unless a Redis does it (LEDGER_URL)"
            ) from error
        await queue.bind(self._exchange, "")
        await channel.set_qos(prefetch_count=64)
        self._channel = channel
        await queue.consume(self._on_request)
        tell_if_closed(channel, "the channel", broken)
        return line

    async def _on_request(self, incoming: AbstractIncomingMessage) -> None:
        async with self._in_turn:
            replies = [await self._do(operation) for operation in json.loads(incoming.body)]
        # If this fails, whoever asked asks again.
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
            headers={_NOW: to_ms(self._claims.now())},
        )
        await self._channel.default_exchange.publish(answer, incoming.reply_to, mandatory=False)

    async def _do(self, operation: Operation) -> Reply | None:
        (name, *arguments), told = operation
        tell = None if told is None else _from_wire(told)
        try:
            if name == "record" and tell is not None:
                await self._claims.record(tell)
                return ()
            return await self._claims.run(str(name), *arguments, tell=tell)
        except Exception:
            log.exception("keeper.failed", operation=name)
            return None


def _to_wire(told: Recorded) -> Told:
    note = told.note.decode("utf-8", "replace")
    times = (to_ms(told.at), to_ms(told.due_at))
    uncertain = int(told.is_uncertain)
    return (told.change.value, told.message_id, told.lane, *times, note, uncertain)


def _from_wire(told: Told) -> Recorded:
    change, message_id, lane, at_ms, due_ms, note, uncertain = told
    return Recorded(
        change=Change(str(change)),
        message_id=str(message_id),
        lane=str(lane),
        at=from_ms(int(at_ms)) or utc_now(),
        due_at=from_ms(int(due_ms)),
        note=str(note).encode(),
        is_uncertain=bool(uncertain),
    )
