"""The operator's side: cancel, replay, delete."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from aio_pika.abc import AbstractConnection
from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from durable_queue.claims.calls import Reserved
from durable_queue.claims.store import State
from durable_queue.port import Change, ControlOutcome, Note, QueueError, QueueUnavailable
from durable_queue.rabbitmq.audit import audit
from durable_queue.rabbitmq.dead_letters import DeadLetterDesk, Letter, LookedThroughElsewhere
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.errors import as_queue_errors
from durable_queue.rabbitmq.link import Link
from durable_queue.rabbitmq.moves import Moves, bring_in
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.publisher import Publisher

log = get_logger(__name__)

_IDLE_S: Final = 2.0
_PATIENCE_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.2
_ONCE_MORE_S: Final = 1.0


class _DeskLine:
    def __init__(
        self,
        connection: AbstractConnection,
        broken: Callable[[str], None],
        publisher: Publisher,
        room: int,
    ) -> None:
        self._connection = connection
        self._broken = broken
        self._publisher = publisher
        self._room = room
        self._desk: DeadLetterDesk | None = None
        self._opening = asyncio.Lock()
        self._clearing: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Do nothing: whoever uses it notices."""

    async def desk(self) -> DeadLetterDesk:
        """Return the desk, which is cleared when it was not used for a while."""
        async with self._opening:
            if self._desk is None:
                channel = await self._connection.channel(publisher_confirms=False)
                self._desk = DeadLetterDesk(channel, self._publisher, self._room)
                self._clearing = asyncio.create_task(self._clear_when_idle(self._desk))
            self._desk.used_at = asyncio.get_running_loop().time()
            return self._desk

    async def clear(self) -> None:
        """Put everything back, for the next one who asks."""
        async with self._opening:
            desk, self._desk = self._desk, None
        if desk is None:
            return
        if self._clearing is not None and self._clearing is not asyncio.current_task():
            self._clearing.cancel()
        try:
            with as_queue_errors():
                await desk.clear()
        except QueueError:
            self._broken("the dead letters could not be put back")  # so that the broker does it

    async def stop(self) -> None:
        """Put everything back for good."""
        if self._clearing is not None:
            self._clearing.cancel()
            await asyncio.gather(self._clearing, return_exceptions=True)
        await self.clear()

    async def _clear_when_idle(self, desk: DeadLetterDesk) -> None:
        loop = asyncio.get_running_loop()
        while self._desk is desk and (left := desk.used_at + _IDLE_S - loop.time()) > 0:  # noqa: ASYNC110 - it moves on
            await asyncio.sleep(left)
        if self._desk is desk:  # a later one has a task of its own
            await self.clear()


class Operator:
    """Does what operators ask for, over a connection that is opened only then."""

    def __init__(self, url: str, options: RabbitOptions, moves: Moves) -> None:
        self._moves = moves
        self._room = options.dead_letters_at_once
        self._link = Link(url, options, role="operate", set_up=self._set_up)

    async def cancel(self, message_id: str, note: Note) -> ControlOutcome:
        """See `MessageControl.cancel`."""
        moves = self._moves
        tell = moves.told(Change.CANCELLED, _about(message_id), note)
        return await moves.claims.cancel(message_id, tell)

    async def replay(self, message_id: str, delay: timedelta, note: Note) -> ControlOutcome:
        """See `MessageControl.replay`."""
        moves = self._moves
        reserved = await moves.claims.move(message_id)
        if not isinstance(reserved, Reserved):
            return reserved
        letter = await self._taken_out(message_id, reserved)
        if letter is None:
            await moves.claims.settled(message_id, reserved.token, reserved.hop, State.DEAD)
            log.warning("rabbitmq.dead_letter_gone", message_id=message_id)
            return ControlOutcome.GONE
        now_ms = moves.now_ms
        due = now_ms + delay // timedelta(milliseconds=1) if delay > timedelta(0) else 0
        again = letter.envelope.replayed(due=due, since=now_ms)
        try:
            await bring_in(moves, again, reserved, Change.REPLAYED, note)
        except BaseException:
            # What was read stays unacknowledged, and may be replayed again when the gate opens.
            self._link.broken("a replay failed")
            raise
        await afailpoint("replay.after_move")
        await letter.done()
        return ControlOutcome.DONE

    async def delete(self, message_id: str, note: Note) -> ControlOutcome:
        """See `MessageControl.delete`."""
        moves = self._moves
        reserved = await moves.claims.move(message_id)
        if not isinstance(reserved, Reserved):
            return reserved
        letter = await self._taken_out(message_id, reserved)
        about = letter.envelope if letter else replace(_about(message_id), hop=reserved.hop)
        tell = moves.told(Change.DELETED, about, note)
        await moves.claims.settled(message_id, reserved.token, about.hop, State.ENDED, tell=tell)
        if letter is None:
            log.warning("rabbitmq.dead_letter_gone", message_id=message_id)
        else:
            await letter.done()
        return ControlOutcome.DONE

    async def audit(self) -> int:
        """Make claims and records agree with the dead letters; return how many were mended.

        Nothing is done while another process looks through them. Raises `QueueUnavailable`.
        """
        with as_queue_errors():
            line = await self._link.get()
            try:
                return await audit(self._moves, await line.desk())
            except LookedThroughElsewhere:
                await line.clear()
        return 0

    async def close(self) -> None:
        """Put back what is on the desk."""
        if self._link.line is not None:
            await self._link.line.stop()
        await self._link.close()

    async def _taken_out(self, message_id: str, reserved: Reserved) -> Letter | None:
        try:
            if letter := await self._find(message_id, reserved.hop):
                return letter
            # What another process had on its desk a moment ago may not be back yet.
            await asyncio.sleep(_ONCE_MORE_S)
            return await self._find(message_id, reserved.hop)
        except QueueUnavailable:
            settled = self._moves.claims.settled
            await settled(message_id, reserved.token, reserved.hop, State.DEAD)
            raise

    async def _find(self, message_id: str, hop: int) -> Letter | None:
        with as_queue_errors():
            line = await self._link.get()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await self._newest(line, message_id, hop)
            except TimeoutError as error:
                raise QueueUnavailable("the dead letter is behind many others") from error

    async def _newest(self, line: _DeskLine, message_id: str, hop: int) -> Letter | None:
        while (letter := await self._look(line, message_id)) is not None:
            if letter.envelope.hop >= hop:
                return letter
            await letter.done()  # left behind when the message moved on
        return None

    async def _look(self, line: _DeskLine, message_id: str) -> Letter | None:
        while True:
            desk = await line.desk()
            try:
                return await desk.find(message_id)
            except LookedThroughElsewhere:
                await line.clear()
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _set_up(
        self, connection: AbstractConnection, broken: Callable[[str], None]
    ) -> _DeskLine:
        return _DeskLine(connection, broken, self._moves.publisher, self._room)


def _about(message_id: str) -> Envelope:
    return Envelope(id=message_id, lane="", body=b"")
