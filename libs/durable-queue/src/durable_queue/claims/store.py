"""Where claims are kept: the port and its words.

A broker such as RabbitMQ knows queues, not messages: it can't say whether a message was sent
before, is held by somebody, was cancelled, or is an old copy of one that has moved on. A store of
claims knows. It is one short record for each message, changed in one atomic step per operation.

Every move of a message counts its `revision` up, which travels with it, so that of several
copies only the newest counts. What a store has forgotten may be handled: losing claims repeats,
never loses.

    reserved ─► waiting ─► leased ─► started ─► settling ─► waiting (next revision)
                                                        ├─► dead ─► moving ─► waiting | ended
                                                        └─► ended            cancelled

Operations, their arguments, and their replies, in the words that go over the wire between releases;
what it calls hop is a claim's `revision`, to bury is to make a dead letter:

    reserve    id token gate_ms key fingerprint answer keep_ms
               ok hop | duplicate id answer | conflict id | wait
    doubt      id token            ok          free   id token      ok
    recall     key fingerprint     none | duplicate id answer | conflict id
    begin      id hop token lease_ms max_deliveries uncertain [lane]
               go deliveries was uncertain [progress] | stale | busy ms_left [lane] | wait
               | elsewhere lane | bury memo uncertain | poison deliveries uncertain | ambiguous
    record     id                                                     ok
    start      id token hop lease_ms hold [progress]                  ok | again | lost
    advance    id token hop lease_ms hold lane [progress]             ok | again | lost
    decide     id token hop verdict lease_ms max_deliveries memo uncertain
               ok | again | poison deliveries | lost
    explain    id token memo                                          ok | lost
    finish     id token hop verdict                                   ok | again | lost
    settled    id token hop state suspect                             ok | lost
    renew      id token hop lease_ms                                  ok | lost
    lose       id token max_deliveries lease_ms
               waiting [lane] | poison deliveries uncertain | ambiguous | lost
    hand_back  id token                                               ok
    cancel     id                                                     done | refused | unknown
    move       id token gate_ms                                       ok hop | refused | unknown
    audit      id hop uncertain                                       kept | stale | busy | adopted
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from durable_queue.errors import QueueError
from durable_queue.recorder import ChangeEvent

Argument = str | int
Reply = Sequence[str | int]


class Operation(NamedTuple):
    """What a store is asked to do, by name, and what goes on record if it is carried out."""

    name: str
    arguments: Sequence[Argument]
    events: Sequence[ChangeEvent] = ()


class State(StrEnum):
    """Where a message is, as far as claims go."""

    RESERVED = "reserved"  # a sender is putting it into the broker
    WAITING = "waiting"
    LEASED = "leased"
    STARTED = "started"
    SETTLING = "settling"  # a verdict was given; the broker is being told
    MOVING = "moving"  # an operator is taking it out of the dead letters
    DEAD = "dead"
    ENDED = "ended"
    CANCELLED = "cancelled"


class ClaimStore(Protocol):
    """Keeps claims, and the record of what happened; the operations are listed above."""

    async def run_many(self, operations: Sequence[Operation]) -> Sequence[Reply | QueueError]:
        """Carry out operations, each in one atomic step with what goes on record if it is.

        What goes wrong with one is its outcome, and concerns no other: after a `QueueUnavailable`
        it may or may not have been carried out; again is safe.
        """
        ...

    async def run(
        self, operation: str, *arguments: Argument, event: ChangeEvent | None = None
    ) -> Reply:
        """Carry out one operation. Raises what would be its outcome."""
        events = () if event is None else (event,)
        [outcome] = await self.run_many([Operation(operation, arguments, events)])
        if isinstance(outcome, QueueError):
            raise outcome
        return outcome

    @property
    def is_time_known(self) -> bool:
        """Whether `now` is the store's time; else it is a guess, until an operation was run."""
        ...

    @property
    def is_time_fresh(self) -> bool:
        """Whether the store's clock was read a moment ago: every operation reads it."""
        ...

    def now(self) -> datetime:
        """Return the store's time: that of all who use it, whatever their own clocks show."""
        ...

    async def record(self, recorded: ChangeEvent) -> None:
        """Put on record what happened.

        Raises:
            QueueUnavailable: it may or may not be on record; again is safe.
        """
        await self.run("record", recorded.message_id, event=recorded)

    async def faults(self) -> Sequence[str]:
        """Say why what should be durable would be lost. Raises `QueueUnavailable`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
