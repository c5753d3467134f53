"""Watches a queue: every message is in exactly one state, and got there lawfully.

The checker learns what happened from two sides, from what its calls return and from what the
recorder was told, and knows from which state which change may come.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from durable_queue.messages import MAX_ATTEMPTS
from durable_queue.port import (
    Change,
    ClaimEnded,
    Delivery,
    Message,
    MessageExpired,
    OnAmbiguous,
)
from durable_queue.recorder import ChangeEvent

from testkit.queue_contract.harness import AT_ONCE, LANES, QueueHarness, verdict


class Contradiction(AssertionError):
    """Raised when the queue did what it must not."""


class ModelState(StrEnum):
    """Where a message is."""

    NOWHERE = "nowhere"
    WAITING = "waiting"
    LEASED = "leased"
    STARTED = "started"
    DELAYED = "delayed"
    DEAD = "dead"
    ENDED = "ended"


HELD = frozenset({ModelState.LEASED, ModelState.STARTED})
UNSTARTED = frozenset({ModelState.WAITING, ModelState.LEASED, ModelState.DELAYED})
MAY_COME_FROM = {
    Change.ENQUEUED: {ModelState.NOWHERE},
    Change.SCHEDULED: {ModelState.NOWHERE},
    Change.ADOPTED: {ModelState.NOWHERE},
    Change.STARTED: {ModelState.LEASED},
    Change.PROMOTED: {ModelState.DELAYED},
    Change.AMBIGUOUS: {ModelState.STARTED},
    Change.EXPIRED: UNSTARTED | {ModelState.STARTED},
    Change.CANCELLED: UNSTARTED,
    Change.REPLAYED: {ModelState.DEAD},
    Change.DELETED: {ModelState.DEAD},
}  # all others end a claim
LEADS_TO = {
    Change.STARTED: ModelState.STARTED,
    Change.DONE: ModelState.ENDED,
    Change.EXPIRED: ModelState.ENDED,
    Change.CANCELLED: ModelState.ENDED,
    Change.DELETED: ModelState.ENDED,
    Change.DEAD: ModelState.DEAD,
    Change.EXHAUSTED: ModelState.DEAD,
    Change.POISONED: ModelState.DEAD,
    Change.DAMAGED: ModelState.DEAD,
    Change.AMBIGUOUS: ModelState.DEAD,
}  # all others let it wait, until it is due if it isn't
FOLLOWS = {
    "ack": {Change.DONE},
    "forward": {Change.FORWARDED},
    "retry": {Change.RETRIED, Change.EXHAUSTED},
    "defer": {Change.DEFERRED},
    "dead_letter": {Change.DEAD},
    "release": {Change.RELEASED, Change.POISONED},
}


@dataclass(slots=True)
class Seen:
    """What the checker knows of a message."""

    body: bytes = b""
    expires_at: datetime | None = None
    max_attempts: int = MAX_ATTEMPTS
    on_hold: bool = False
    lane: str = ""
    state: ModelState = ModelState.NOWHERE
    holder: Delivery | None = None
    lease_until: datetime | None = None
    due_at: datetime | None = None
    retries: int = 0
    deferrals: int = 0


class QueueChecker:
    """Uses a queue as many workers and operators would, and checks what comes of it."""

    def __init__(self, harness: QueueHarness) -> None:
        self.harness = harness
        self.messages: dict[str, Seen] = {}
        self.deliveries: list[Delivery] = []
        self._given: dict[int, str] = {}
        self._heard = 0

    async def send(self, message: Message) -> None:
        """Send a message that wasn't sent before."""
        self.messages[message.id] = Seen(
            body=message.body,
            expires_at=message.expires_at,
            max_attempts=message.max_attempts,
        )
        await self.harness.queue.send(message)
        await self.hear()

    async def receive(self, lanes: Sequence[str], limit: int) -> None:
        """Receive; what comes must have waited there."""
        began = self.harness.now()
        found = await self.harness.queue.receive(lanes, limit=limit, wait=AT_ONCE)
        await self.hear()
        for delivery in found:
            seen = self.messages[delivery.id]
            if seen.state is not ModelState.WAITING or seen.lane not in lanes:
                raise Contradiction(f"{delivery.id} was received while {seen.state}")
            if (delivery.attempt, delivery.deferrals) != (seen.retries + 1, seen.deferrals):
                raise Contradiction(f"{delivery.id} is miscounted")
            if seen.body and delivery.body != seen.body:
                raise Contradiction(f"{delivery.id} has another body")
            seen.body = delivery.body
            self.hold(delivery.id, delivery, began)
        self.deliveries += found

    def hold(self, message_id: str, holder: Delivery | None, since: datetime) -> None:
        """Note that a message was leased."""
        seen = self.messages[message_id]
        seen.state, seen.holder, seen.lease_until = (
            ModelState.LEASED,
            holder,
            since + self.harness.lease,
        )

    async def settle(self, delivery: Delivery, name: str) -> None:
        """Give a verdict; it counts if and only if the delivery's claim stands."""
        is_held = self._is_held(delivery)
        try:
            await verdict(name, delivery)
        except ClaimEnded:
            if is_held:
                raise Contradiction(f"{delivery.id}: its holder's {name} was refused") from None
        else:
            if not is_held and self._given.get(id(delivery)) != name:
                raise Contradiction(f"{delivery.id}: {name} by one who had lost it")
            self._given[id(delivery)] = name
        changes = [entry.change for entry in await self.hear() if entry.message_id == delivery.id]
        if not (len(changes) == 1 and changes[0] in FOLLOWS[name]) if is_held else changes:
            raise Contradiction(f"{delivery.id}: {changes} followed from {name}")

    async def settle_twice(self, delivery: Delivery, *names: str) -> None:
        """Give two verdicts at the same time; one of them counts, if the claim stands."""
        is_held = self._is_held(delivery)
        await asyncio.gather(*(verdict(name, delivery) for name in names), return_exceptions=True)
        changes = [entry.change for entry in await self.hear()]
        if len(changes) != is_held:
            raise Contradiction(f"{delivery.id}: {changes} followed from {names} at once")
        for name in names:
            if changes and changes[0] in FOLLOWS[name]:
                self._given[id(delivery)] = name

    async def start(self, delivery: Delivery, on_ambiguous: OnAmbiguous) -> None:
        """Start; it works if and only if the claim stands and it is not too late."""
        seen, is_held = self.messages[delivery.id], self._is_held(delivery)
        began = self.harness.now()
        if is_held:
            seen.on_hold = on_ambiguous is OnAmbiguous.HOLD
        try:
            await delivery.start(on_ambiguous=on_ambiguous)
        except ClaimEnded as error:
            if is_held and not isinstance(error, MessageExpired):
                raise Contradiction(f"{delivery.id}: its holder could not start") from None
        else:
            if not is_held:
                raise Contradiction(f"{delivery.id} was started by one who had lost it")
            seen.lease_until = began + self.harness.lease
        await self.hear()

    async def renew(self, deliveries: Sequence[Delivery]) -> None:
        """Renew; exactly the claims that are over must come back."""
        began = self.harness.now()
        over = await self.harness.queue.renew(deliveries)
        for delivery in deliveries:
            if self._is_held(delivery) == (delivery in over):
                raise Contradiction(f"{delivery.id}: renewing it told the wrong thing")
            if self._is_held(delivery):
                self.messages[delivery.id].lease_until = began + self.harness.lease

    async def hear(self) -> Sequence[ChangeEvent]:
        """Read what the recorder was told since, and check that each change was lawful."""
        events = (await self.harness.recorded())[self._heard :]
        self._heard += len(events)
        for entry in events:
            self._apply(entry)
        return events

    async def check_counts(self) -> None:
        """Compare the queue's own counts with what the checker knows."""
        depths = await self.harness.queue.depths(LANES)
        for lane, depth in depths.items():
            known = Counter(seen.state for seen in self.messages.values() if seen.lane == lane)
            expected = (
                known[ModelState.WAITING],
                known[ModelState.LEASED] + known[ModelState.STARTED],
            )
            if (depth.waiting, depth.leased, depth.delayed) != (
                *expected,
                known[ModelState.DELAYED],
            ):
                raise Contradiction(f"{lane}: {depth} but {dict(known)}")

    async def drain(self) -> None:
        """Let every message come to its end, or say which are lost."""
        for _ in range(20):
            await self.harness.pass_time(100 * self.harness.moment)
            await self.hear()
            before = -1
            while before != len(self.deliveries):
                before = len(self.deliveries)
                await self.receive(LANES, 32)
                for delivery in self.deliveries[before:]:
                    await self.settle(delivery, "ack")
            if not self.unfinished():
                return
        raise Contradiction(f"never came to an end: {sorted(self.unfinished())}")

    def in_state(self, states: Iterable[ModelState]) -> list[str]:
        """Return the messages that are in one of these states."""
        return [name for name, seen in self.messages.items() if seen.state in states]

    def unfinished(self) -> list[str]:
        """Return the messages that are neither dead nor ended."""
        return self.in_state(set(ModelState) - {ModelState.DEAD, ModelState.ENDED})

    def _is_held(self, delivery: Delivery) -> bool:
        seen = self.messages[delivery.id]
        return seen.holder is delivery and seen.state in HELD

    def _apply(self, entry: ChangeEvent) -> None:
        seen = self.messages.setdefault(entry.message_id, Seen())
        change = entry.change
        if seen.state not in MAY_COME_FROM.get(change, HELD):
            raise Contradiction(f"{entry.message_id} was {change} while {seen.state}")
        if _contradicts(entry, seen):
            raise Contradiction(f"{entry.message_id} was {change}: {seen}")
        waits = ModelState.DELAYED if entry.due_at else ModelState.WAITING
        seen.state = LEADS_TO.get(change, waits)
        seen.lane, seen.due_at = entry.lane, entry.due_at
        if seen.state is not ModelState.STARTED:
            seen.holder = None
        _count(seen, change)


def _contradicts(entry: ChangeEvent, seen: Seen) -> bool:
    is_last = seen.retries + 1 >= seen.max_attempts
    must_hold = seen.on_hold and seen.state is ModelState.STARTED
    not_before = {
        Change.EXPIRED: seen.expires_at or datetime.max.replace(tzinfo=UTC),
        Change.PROMOTED: seen.due_at,
        Change.LEASE_LOST: seen.lease_until,
        Change.AMBIGUOUS: seen.lease_until,
    }.get(entry.change)
    wrong = {
        Change.RETRIED: is_last,
        Change.EXHAUSTED: not is_last,
        Change.LEASE_LOST: must_hold,
        Change.AMBIGUOUS: not must_hold,
    }
    is_early = not_before is not None and entry.at < not_before - timedelta(milliseconds=2)
    return is_early or wrong.get(entry.change, False)


def _count(seen: Seen, change: Change) -> None:
    if change in {Change.FORWARDED, Change.REPLAYED}:
        seen.retries = seen.deferrals = 0
    seen.retries += change is Change.RETRIED
    seen.deferrals += change is Change.DEFERRED
