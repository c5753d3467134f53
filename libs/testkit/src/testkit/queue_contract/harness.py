"""What the contract needs of an adapter, beyond the adapter itself."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from durable_queue.port import Delivery, Message, Note, Queue, QueueFull
from durable_queue.recorder import ChangeEvent

LANE = "stage.normal"
OTHER_LANE = "next.normal"
MAX_WAITING = 300
MAX_DELIVERIES = 3
LANES = ("stage.high", LANE, "stage.low", OTHER_LANE)
SOON = timedelta(seconds=60)
"""Longer than anything takes that will come at all."""
AT_ONCE = timedelta(0)


@dataclass(kw_only=True)
class QueueHarness:
    """A queue under test, with its broker's clock and a recorder that remembers.

    `moment` is the contract's unit of time: long against what a call takes, and as short as
    `advance` is slow. The queue's lease is six of them, it takes `MAX_WAITING` waiting messages a
    lane, or a few more, and a message is poison after `MAX_DELIVERIES`.
    """

    queue: Queue
    moment: timedelta
    now: Callable[[], datetime]
    advance: Callable[[timedelta], Coroutine[object, object, None]]
    """Let time pass for the broker."""
    jump: Callable[[timedelta], Coroutine[object, object, None]]
    """Set the broker's clock, forwards or back, while no time passes."""
    recorded: Callable[[], Awaitable[Sequence[ChangeEvent]]]
    """What the queue's recorder was told so far, in order."""
    push_raw: Callable[[str, bytes], Awaitable[None]] | None = None
    """Put bytes into a lane as a foreign producer would."""
    promotes_by_itself: bool = False
    """The broker lets go of what is due whether somebody ticks or not; a tick reports what a
    receiver found due, and what expired is noticed when it is received."""
    counts_delayed: bool = True
    """`depths` knows how many messages of a lane are delayed."""
    rests_by_a_steady_clock: bool = False
    """What rests for a while rests as long although the clock was set forwards."""
    shows_bodies: bool = True
    """The broker finds a message by its id, without taking it up."""
    adopts_in_place: bool = True
    """A foreign producer's message keeps its turn; else it goes to the end of its lane."""

    @property
    def lease(self) -> timedelta:
        """How long the queue leases a message."""
        return 6 * self.moment

    async def send(self, *ids: str, lane: str = LANE, due_at: datetime | None = None) -> None:
        """Send messages of which only the id matters."""
        for message_id in ids:
            await self.queue.send(message(message_id, lane=lane, due_at=due_at))

    async def take(self, *lanes: str, wait: timedelta = SOON) -> Delivery:
        """Receive the next message, which must be there."""
        [delivery] = await self.queue.receive(lanes or [LANE], limit=1, wait=wait)
        return delivery

    async def left(self, *lanes: str) -> list[str]:
        """Receive what can be received now and return the ids."""
        found: list[str] = []
        while batch := await self.queue.receive(lanes or LANES, limit=32, wait=AT_ONCE):
            found += [delivery.id for delivery in batch]
        return found

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass, and upkeep do its work."""
        await self.advance(by)
        await self.queue.tick(LANES)

    async def fill(self, lane: str, *, due_at: datetime | None = None) -> None:
        """Send until the lane refuses; it may have taken a few more than its limit by then."""
        for start in range(0, 2 * MAX_WAITING, MAX_WAITING // 4):
            names = [f"{lane}.{start + n}" for n in range(MAX_WAITING // 4)]
            outcomes = await asyncio.gather(
                *(self.send(name, lane=lane, due_at=due_at) for name in names),
                return_exceptions=True,
            )
            failures = [each for each in outcomes if isinstance(each, BaseException)]
            if failures:
                assert all(isinstance(each, QueueFull) for each in failures), failures
                return
        raise AssertionError(f"{lane} took twice as many messages as it may")

    async def lose_lease(self, _delivery: Delivery) -> None:
        """Let the worker that holds a message go silent until its lease is over."""
        await self.pass_time(self.lease + self.moment)

    async def changes(self, message_id: str) -> list[str]:
        """Return what the recorder was told of one message."""
        return [entry.change for entry in await self.recorded() if entry.message_id == message_id]


# Its fields, whatever they are, go on to Message, which checks them.
def message(message_id: str, *, lane: str = LANE, body: bytes = b"hello", **rest: Any) -> Message:  # noqa: ANN401
    """Make a message of which only a few things matter."""
    return Message(id=message_id, lane=lane, body=body, **rest)


async def verdict(name: str, delivery: Delivery, note: Note = b"") -> None:
    """Give one of the verdicts, by name."""
    match name:
        case "ack":
            await delivery.ack(note)
        case "forward":
            await delivery.forward(OTHER_LANE, note)
        case "retry":
            await delivery.retry(AT_ONCE, note)
        case "defer":
            await delivery.defer(AT_ONCE, note)
        case "dead_letter":
            await delivery.dead_letter("no use", note)
        case "release":
            await delivery.release(AT_ONCE, note)


VERDICTS = ("ack", "forward", "retry", "defer", "dead_letter", "release")
