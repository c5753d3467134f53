"""One process keeps claims and records in its memory for all the others, which ask it by message.

    <ns>.status  direct  ─► <ns>.status.v1     requests; exclusive to the claim server
    direct reply-to                            answers

A request is a list of operations of a `ClaimStore`, carried out in order. Each is a list: its name
and arguments, then what is to be told. The server may have calls of its own. An answer also says
what time it is at the server. All that a process asks for while its last request is under way goes
into the next. While there is no server requests are returned at once, and the caller waits with its
message unacknowledged.
"""

from collections.abc import Sequence
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel
from service_kit.epoch import to_ms, utc_now

from durable_queue.claims.store import Argument, Operation
from durable_queue.port import Change
from durable_queue.rabbitmq.envelope import ms_or_zero, time_or_none
from durable_queue.recorder import ChangeEvent

NOW_HEADER: Final = "x-an-now-ms"
"""Of an answer: what time it is at the server."""

WireEvent = Sequence[str | int]
WireOperation = Sequence[Sequence[Argument] | WireEvent | None]
"""What to do, then all that is to be told; releases without lists of it say None for nothing."""


class ClaimSession:
    """The channel of either side."""

    def __init__(self, channel: AbstractChannel, exchange: str) -> None:
        self.channel = channel
        self.exchange = exchange

    async def check(self) -> None:
        """Ask the broker something."""
        await self.channel.declare_exchange(self.exchange, ExchangeType.DIRECT, durable=True)


def to_wire(operation: Operation) -> WireOperation:
    """Return an operation as it is sent."""
    name, arguments, events = operation
    return (name, *arguments), *map(_event_to_wire, events)


def from_wire(wire: WireOperation) -> Operation:
    """Return an operation that was sent."""
    asked, *told = wire
    name, *arguments = asked or ()
    return Operation(str(name), arguments, [_event_from_wire(each) for each in told if each])


def _event_to_wire(event: ChangeEvent) -> WireEvent:
    note = event.note.decode("utf-8", "replace")
    times = (to_ms(event.at), ms_or_zero(event.due_at))
    uncertain = int(event.is_uncertain)
    return (
        event.change.value,
        event.message_id,
        event.lane,
        *times,
        note,
        uncertain,
    )


def _event_from_wire(wire_event: WireEvent) -> ChangeEvent:
    change, message_id, lane, at_ms, due_ms, note, uncertain = wire_event
    return ChangeEvent(
        change=Change(str(change)),
        message_id=str(message_id),
        lane=str(lane),
        at=time_or_none(int(at_ms)) or utc_now(),
        due_at=time_or_none(int(due_ms)),
        note=str(note).encode(),
        is_uncertain=bool(uncertain),
    )
