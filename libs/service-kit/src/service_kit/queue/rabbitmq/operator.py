"""The operator's side: cancel, replay, delete."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from service_kit.failpoints import afailpoint
from service_kit.queue.claims.store import Reserved, State
from service_kit.queue.port import Change, ControlOutcome, Note, QueueUnavailable
from service_kit.queue.rabbitmq.dead_letters import DeadLetterDesk
from service_kit.queue.rabbitmq.envelope import Envelope
from service_kit.queue.rabbitmq.errors import as_queue_errors, regardless
from service_kit.queue.rabbitmq.link import Link
from service_kit.queue.rabbitmq.moves import Moves
from service_kit.queue.rabbitmq.options import RabbitOptions
from service_kit.queue.rabbitmq.taking import bring_in
from service_kit.queue.rabbitmq.topology import Topology

_IDLE_S: Final = 2.0
_PATIENCE_S: Final = 10.0


class _DeskLine:
    def __init__(self, connection: AbstractConnection, topology: Topology) -> None:
        self._connection = connection
        self._topology = topology
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
                self._desk = DeadLetterDesk(channel, self._topology)
                self._clearing = asyncio.create_task(self._clear_when_idle())
            self._desk.used_at = asyncio.get_running_loop().time()
            return self._desk

    async def _clear_when_idle(self) -> None:
        loop = asyncio.get_running_loop()
        idle_at = loop.time() + _IDLE_S
        while self._desk and idle_at > loop.time():
            await asyncio.sleep(idle_at - loop.time())
            idle_at = self._desk.used_at + _IDLE_S
        async with self._opening:
            desk, self._desk = self._desk, None
        if desk is not None:
            await desk.clear()

    async def stop(self) -> None:
        if self._clearing is not None:
            self._clearing.cancel()
            await asyncio.gather(self._clearing, return_exceptions=True)


class Operator:
    """Does what operators ask for, over a connection that is opened only then."""

    def __init__(self, url: str, options: RabbitOptions, moves: Moves) -> None:
        self._moves = moves
        self._topology = Topology(options)
        self._link = Link(url, options, role="operate", set_up=self._set_up)

    async def cancel(self, message_id: str, note: Note) -> ControlOutcome:
        """See `MessageControl.cancel`."""
        outcome = await self._moves.claims.cancel(message_id)
        if outcome is ControlOutcome.DONE:
            await self._moves.record(Change.CANCELLED, _about(message_id), note)
        return outcome

    async def replay(self, message_id: str, delay: timedelta, note: Note) -> ControlOutcome:
        """See `MessageControl.replay`."""
        moves = self._moves
        reserved = await moves.claims.move(message_id)
        if not isinstance(reserved, Reserved):
            return reserved
        found = await self._taken_out(message_id, reserved)
        if found is None:
            return ControlOutcome.REFUSED
        dead, copy = found
        now_ms = moves.now_ms
        due = now_ms + delay // timedelta(milliseconds=1) if delay > timedelta(0) else 0
        again = dead.moved(attempt=1, deferrals=0, error="", due=due, since=now_ms)
        try:
            await bring_in(moves, again, reserved, Change.REPLAYED, note)
        except BaseException:
            # What was read stays unacknowledged, and may be replayed again when the gate opens.
            self._link.broken("a replay failed")
            raise
        await afailpoint("replay.after_move")
        await _done(copy)
        return ControlOutcome.DONE

    async def delete(self, message_id: str, note: Note) -> ControlOutcome:
        """See `MessageControl.delete`."""
        moves = self._moves
        reserved = await moves.claims.move(message_id)
        if not isinstance(reserved, Reserved):
            return reserved
        found = await self._taken_out(message_id, reserved)
        if found is None:
            return ControlOutcome.REFUSED
        dead, copy = found
        await moves.record(Change.DELETED, dead, note)
        await moves.claims.settled(message_id, reserved.token, dead.hop, State.ENDED)
        await _done(copy)
        return ControlOutcome.DONE

    async def close(self) -> None:
        """Put back what is on the desk."""
        if self._link.line is not None:
            await self._link.line.stop()
        await self._link.close()

    async def _taken_out(
        self, message_id: str, reserved: Reserved
    ) -> tuple[Envelope, AbstractIncomingMessage] | None:
        try:
            return await self._find(message_id)
        except QueueUnavailable:
            settled = self._moves.claims.settled
            await settled(message_id, reserved.token, reserved.hop, State.DEAD)
            raise

    async def _find(self, message_id: str) -> tuple[Envelope, AbstractIncomingMessage]:
        with as_queue_errors():
            line = await self._link.get()
            desk = await line.desk()
            async with asyncio.timeout(_PATIENCE_S):
                found = await desk.find(message_id)
        if found is None:
            why = "behind too many others" if desk.is_full else "not in the queue of dead letters"
            raise QueueUnavailable(f"the dead letter is {why}")
        return found

    async def _set_up(
        self, connection: AbstractConnection, _broken: Callable[[str], None]
    ) -> _DeskLine:
        return _DeskLine(connection, self._topology)


async def _done(copy: AbstractIncomingMessage) -> None:
    with regardless():
        await copy.ack()


def _about(message_id: str) -> Envelope:
    return Envelope(id=message_id, lane="", body=b"")
