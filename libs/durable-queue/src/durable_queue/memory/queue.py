"""The in-memory queue: every promise of the port but durability, which it says itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from service_kit.epoch import to_ms, utc_now

from durable_queue.claims.dedupe_keys import DedupeKey, DedupeKeys
from durable_queue.clock import steady_now
from durable_queue.memory.delivery import MemoryBatches, MemoryDelivery, MemoryOptions
from durable_queue.memory.store import Entry, MessageState, Store
from durable_queue.messages import AMBIGUOUS_ERROR, REPEATABLE_FOR, poison_error
from durable_queue.port import (
    Change,
    Conflict,
    ControlOutcome,
    Dedupe,
    Delivery,
    Duplicate,
    Durability,
    Enqueued,
    LaneDepth,
    Message,
    OnAmbiguous,
    QueueFull,
    SendOutcome,
    TickReport,
)
from durable_queue.receiving import LaneOrder
from durable_queue.recorder import Recorder


class InMemoryQueue(MemoryBatches):
    """A `Queue` for one event loop.

    Durations are measured by `steady`, which is never set; times of day by `now`.
    `is_down` makes every call raise `QueueUnavailable`, as a broker would that can't be reached.
    """

    def __init__(
        self,
        *,
        recorder: Recorder | None = None,
        now: Callable[[], datetime] = utc_now,
        steady: Callable[[], datetime] = steady_now,
        options: MemoryOptions | None = None,
    ) -> None:
        self._store = Store(now=now, steady=steady, recorder=recorder)
        self._options = options or MemoryOptions()
        self._dedupe_keys = DedupeKeys()
        self._order = LaneOrder()
        self._tokens = 0

    @property
    def is_down(self) -> bool:
        """Tell whether calls are refused."""
        return self._store.is_down

    @is_down.setter
    def is_down(self, value: bool) -> None:
        self._store.is_down = value

    async def send(self, message: Message) -> SendOutcome:
        """Store the message; see `MessageQueue.send`."""
        async with self._store.step():
            known = self._sent_before(message)
            if known is not None:
                return known
            places = (MessageState.WAITING, MessageState.DELAYED)
            waiting = sum(len(self._store.place(message.lane, each)) for each in places)
            if waiting >= self._options.max_waiting:
                raise QueueFull(f"{message.lane} holds {waiting} waiting messages")
            if message.dedupe is not None:
                dedupe, now = message.dedupe, self._store.now()
                until = to_ms(now + REPEATABLE_FOR)
                sent = DedupeKey(message.id, dedupe.fingerprint, dedupe.answer, until)
                self._dedupe_keys.add(dedupe.key, sent, to_ms(now))
            due = message.due_at is not None and message.due_at > self._store.now()
            await self._store.add(message, Change.SCHEDULED if due else Change.ENQUEUED)
            return Enqueued(message.id)

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what `send` would say to a repetition under this key; None if it knows none."""
        async with self._store.step():
            return self._recall(dedupe)

    async def body_of(self, message_id: str) -> bytes | None:
        """Return the bytes of a message that has not ended, or is dead."""
        async with self._store.step():
            entry = self._store.entries.get(message_id)
            return entry.body or None if entry is not None else None

    async def receive(
        self, lanes: Sequence[str], *, limit: int, wait: timedelta
    ) -> Sequence[Delivery]:
        """Lease messages; see `MessageQueue.receive`."""
        in_turn = self._order.next(lanes)
        deadline = asyncio.get_running_loop().time() + wait.total_seconds()
        while True:
            arrived = self._store.arrived
            async with self._store.step():
                taken = await self._take(in_turn, limit)
            if taken or not await _is_set_before(deadline, arrived):
                return [MemoryDelivery(self._store, self._options, entry) for entry in taken]

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Extend the leases; return those deliveries whose claim is over."""
        async with self._store.step():
            return [
                delivery
                for delivery in deliveries
                if not (isinstance(delivery, MemoryDelivery) and delivery.extend())
            ]

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        """Promote what is due, take back expired leases, forget what ended long ago."""
        async with self._store.step():
            self._store.forget_ended(self._store.now() - self._options.retention)
            changes = [change for lane in lanes for change in await self._tick(lane)]
            return TickReport(
                promoted=changes.count(Change.PROMOTED),
                leases_expired=changes.count(Change.LEASE_LOST),
                died=changes.count(Change.POISONED) + changes.count(Change.AMBIGUOUS),
                expired=changes.count(Change.EXPIRED),
                next_due=self._store.next_due(lanes),
            )

    async def leave(self, lanes: Sequence[str]) -> None:
        """Do nothing: nothing is held ahead of time."""

    async def expire(self, lanes: Sequence[str]) -> int:
        """End waiting messages that have expired."""
        async with self._store.step():
            now = self._store.now()
            places = [self._store.place(lane, MessageState.WAITING) for lane in lanes]
            over = [each for place in places for each in place.values() if each.is_expired(now)]
            for entry in over:
                await self._store.end(entry, Change.EXPIRED)
            return len(over)

    async def heal(self) -> int:
        """Return 0: a message and its place can't disagree here."""
        async with self._store.step():
            return 0

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        """Count the messages of each lane."""
        async with self._store.step():
            return {lane: self._depth(lane) for lane in lanes}

    async def cancel(self, message_id: str) -> ControlOutcome:
        """Withdraw a message that is not yet started."""
        async with self._store.step():
            entry = self._store.entries.get(message_id)
            if entry is None:
                return ControlOutcome.UNKNOWN
            if entry.is_started or entry.state in {MessageState.DEAD, MessageState.ENDED}:
                return ControlOutcome.REFUSED
            await self._store.end(entry, Change.CANCELLED)
            return ControlOutcome.DONE

    async def replay(self, message_id: str, delay: timedelta = timedelta(0)) -> ControlOutcome:
        """Put a dead letter back into its lane, attempts counted anew."""
        async with self._store.step():
            entry = self._dead(message_id)
            if isinstance(entry, ControlOutcome):
                return entry
            entry.count_anew()
            entry.progress = ""
            await self._store.wait(entry, Change.REPLAYED, delay=delay)
            return ControlOutcome.DONE

    async def delete(self, message_id: str) -> ControlOutcome:
        """Forget a dead letter's bytes."""
        async with self._store.step():
            entry = self._dead(message_id)
            if isinstance(entry, ControlOutcome):
                return entry
            await self._store.end(entry, Change.DELETED)
            return ControlOutcome.DONE

    async def durability(self) -> Durability:
        """Say that nothing outlives the process."""
        return Durability(profile="memory", faults=("messages are kept in memory only",))

    async def time(self) -> datetime:
        """Return this process's time."""
        async with self._store.step():
            return self._store.now()

    def now(self) -> datetime:
        """Return this process's time."""
        return self._store.now()

    async def ping(self) -> None:
        """Raise `QueueUnavailable` if told to be down."""
        async with self._store.step():
            return

    def error_of(self, message_id: str) -> str | None:
        """Return why a dead letter was given up; None for any other message."""
        entry = self._store.entries.get(message_id)
        return entry.error if entry is not None and entry.state is MessageState.DEAD else None

    async def close(self) -> None:
        """Do nothing: there is no connection. Messages stay for as long as the object does."""

    def _dead(self, message_id: str) -> Entry | ControlOutcome:
        entry = self._store.entries.get(message_id)
        if entry is None:
            return ControlOutcome.UNKNOWN
        return entry if entry.state is MessageState.DEAD else ControlOutcome.REFUSED

    def _sent_before(self, message: Message) -> Duplicate | Conflict | None:
        known = self._recall(message.dedupe) if message.dedupe else None
        if known is not None:
            return known
        return Duplicate(message.id, "") if message.id in self._store.entries else None

    def _recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        sent = self._dedupe_keys.get(dedupe.key, to_ms(self._store.now()))
        if sent is None:
            return None
        is_same = sent.fingerprint == dedupe.fingerprint
        return Duplicate(sent.id, sent.answer) if is_same else Conflict(sent.id)

    async def _take(self, lanes: Sequence[str], limit: int) -> list[Entry]:
        taken: list[Entry] = []
        for lane in lanes:
            waiting = self._store.place(lane, MessageState.WAITING)
            while waiting and len(taken) < limit:
                entry = next(iter(waiting.values()))
                if entry.is_expired(self._store.now()):
                    await self._store.end(entry, Change.EXPIRED)
                    continue
                if taken and entry.is_suspect:
                    return taken
                is_alone = entry.is_suspect
                self._tokens += 1
                until = self._store.steady() + self._options.lease
                self._store.lease(entry, token=self._tokens, until=until)
                taken.append(entry)
                if is_alone:
                    return taken
        return taken

    async def _tick(self, lane: str) -> list[Change]:
        due = self._due(lane, MessageState.DELAYED)
        run_out = self._due(lane, MessageState.LEASED)
        # Each is put in front of the others: so those received first are received first again.
        run_out.sort(key=lambda entry: entry.token, reverse=True)
        return [await self._promote(entry) for entry in due] + [
            await self._take_back(entry) for entry in run_out
        ]

    def _due(self, lane: str, state: MessageState) -> list[Entry]:
        now, steady = self._store.now(), self._store.steady()
        entries = self._store.place(lane, state).values()
        over = [(entry.ends_at(now=now, steady=steady), entry) for entry in entries]
        due = [(ended, entry) for ended, entry in over if ended]
        return [entry for _, entry in sorted(due, key=itemgetter(0))]

    async def _promote(self, entry: Entry) -> Change:
        if entry.is_expired(self._store.now()):
            await self._store.end(entry, Change.EXPIRED)
            return Change.EXPIRED
        await self._store.wait(entry, Change.PROMOTED)
        return Change.PROMOTED

    async def _take_back(self, entry: Entry) -> Change:
        entry.is_uncertain |= entry.is_started
        if entry.is_started and entry.on_ambiguous is OnAmbiguous.HOLD:
            await self._store.dead_letter(entry, Change.AMBIGUOUS, AMBIGUOUS_ERROR)
            return Change.AMBIGUOUS
        if entry.deliveries >= self._options.max_deliveries:
            await self._store.dead_letter(entry, Change.POISONED, poison_error(entry.deliveries))
            return Change.POISONED
        await self._store.wait(entry, Change.LEASE_LOST, in_front=True)
        return Change.LEASE_LOST

    def _depth(self, lane: str) -> LaneDepth:
        waiting = self._store.place(lane, MessageState.WAITING)
        oldest = next(iter(waiting.values())).since if waiting else self._store.now()
        return LaneDepth(
            waiting=len(waiting),
            leased=len(self._store.place(lane, MessageState.LEASED)),
            delayed=len(self._store.place(lane, MessageState.DELAYED)),
            oldest_waiting=self._store.now() - oldest,
            entered=self._store.entered[lane],
        )


async def _is_set_before(deadline: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout_at(deadline):
            return await event.wait()
    except TimeoutError:
        return False
