"""One message of the in-memory queue that a worker holds."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from durable_queue.delivery import VerdictMethods
from durable_queue.memory.store import Entry, MessageState, Store
from durable_queue.messages import SUSPECT_AFTER, exhausted_error, poison_error
from durable_queue.outcomes import outcomes_of
from durable_queue.port import (
    Ack,
    Advance,
    Change,
    Defer,
    Delivery,
    Forward,
    GiveUp,
    LeaseLost,
    MessageExpired,
    Note,
    OnAmbiguous,
    QueueError,
    Release,
    Retry,
    Start,
    Verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """How long claims and traces of ended messages are kept, and how much is put up with."""

    lease: timedelta = timedelta(seconds=60)
    retention: timedelta = timedelta(days=30)
    max_waiting: int = 1_000_000
    max_deliveries: int = 10


class MemoryDelivery(VerdictMethods):
    """A `Delivery`: what the entry was when it was leased, and the token of that lease."""

    def __init__(self, store: Store, options: MemoryOptions, entry: Entry) -> None:
        self._store = store
        self._options = options
        self._entry = entry
        self._token = entry.token
        self.id: str = entry.id
        self.lane: str = entry.lane
        self.body: bytes = entry.body
        self.attempt: int = entry.attempt
        self.max_attempts: int = entry.max_attempts
        self.deferrals: int = entry.deferrals
        self.is_suspect = entry.deliveries > SUSPECT_AFTER
        self.expires_at: datetime | None = entry.expires_at
        self.progress: str = entry.progress

    def extend(self) -> bool:
        """Extend the lease; false if the claim is over. Only within a step of the store."""
        if not self._is_held():
            return False
        self._entry.until = self._store.steady() + self._options.lease
        return True

    async def give_back(self) -> None:
        """Undo the receiving of a message that was not looked at."""
        async with self._store.step():
            if not self._is_held():
                raise LeaseLost(self.id)
            self._store.hand_back(self._entry)

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        async with self._store.step():
            await self._check_start(note)
            self._entry.on_ambiguous = on_ambiguous
            self._entry.keep(progress)
            if self._entry.is_started:
                return
            await self._store.start(self._entry, note)

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        is_uncertain = isinstance(verdict, Retry | GiveUp) and verdict.is_uncertain
        async with self._settling(type(verdict).__name__, is_uncertain=is_uncertain) as entry:
            if entry:
                await self._settle(entry, verdict)

    async def _settle(self, entry: Entry, verdict: Verdict) -> None:
        store = self._store
        match verdict:
            case Ack(note):
                await store.end(entry, Change.DONE, note)
            case Forward(lane, note):
                entry.count_anew()
                await store.wait(entry, Change.FORWARDED, note, lane=lane)
            case Retry(delay, note, _, progress):
                entry.keep(progress)
                if entry.attempt >= entry.max_attempts:
                    error = exhausted_error(entry.attempt)
                    await store.dead_letter(entry, Change.EXHAUSTED, error, note)
                else:
                    entry.attempt += 1
                    entry.deliveries = 0
                    await store.wait(entry, Change.RETRIED, note, delay=delay)
            case Defer(delay, note, progress):
                entry.keep(progress)
                entry.deferrals += 1
                entry.deliveries = 0
                await store.wait(entry, Change.DEFERRED, note, delay=delay)
            case GiveUp(error, note):
                await store.dead_letter(entry, Change.DEAD, error, note)
            case Release(delay, note):
                if entry.deliveries >= self._options.max_deliveries:
                    error = poison_error(entry.deliveries)
                    await store.dead_letter(entry, Change.POISONED, error, note)
                else:
                    await store.wait(entry, Change.RELEASED, note, delay=delay, in_front=True)

    async def advance(self, advance: Advance) -> "MemoryDelivery | None":
        """Forward it and start it there; see `MessageBatches.advance_all`."""
        async with self._store.step():
            entry, start = self._entry, advance.start
            if entry.settled == (self._token, Forward.__name__):
                return None
            if not (self._is_held() and entry.is_started and entry.lane == advance.lane):
                await self._check_start(start.note)
                entry.count_anew()
                if self._store.place(advance.lane, MessageState.WAITING):
                    entry.settled = (self._token, Forward.__name__)
                    await self._store.wait(entry, Change.FORWARDED, advance.note, lane=advance.lane)
                    return None
                until = self._store.steady() + self._options.lease
                await self._store.advance(entry, advance.lane, until, advance.note, start.note)
            entry.on_ambiguous = start.on_ambiguous
            entry.keep(start.progress)
            return MemoryDelivery(self._store, self._options, entry)

    @asynccontextmanager
    async def _settling(self, name: str, *, is_uncertain: bool) -> AsyncIterator[Entry | None]:
        """Give the entry to settle, or None if this very call has settled it before."""
        async with self._store.step():
            if self._is_held():
                self._entry.settled = (self._token, name)
                self._entry.is_uncertain |= is_uncertain
                yield self._entry
            elif self._entry.settled == (self._token, name):
                yield None
            else:
                raise LeaseLost(self.id)

    async def _check_start(self, note: Note) -> None:
        """Extend the lease for a start; raise if it is over, or if it is too late."""
        if self._entry.settled == (self._token, "expired"):
            raise MessageExpired(self.id)
        if not self.extend():
            raise LeaseLost(self.id)
        if self._entry.is_expired(self._store.now()):
            self._entry.settled = (self._token, "expired")
            await self._store.end(self._entry, Change.EXPIRED, note)
            raise MessageExpired(self.id)

    def _is_held(self) -> bool:
        return self._entry.state is MessageState.LEASED and self._entry.token == self._token


class MemoryBatches:
    """`MessageBatches` in memory, where nothing is cheaper for being done to many at once."""

    async def start_all(
        self, starts: Sequence[tuple[Delivery, Start]]
    ) -> Sequence[QueueError | None]:
        """Start messages."""
        return await outcomes_of(
            delivery.start(note, on_ambiguous=on_ambiguous, progress=progress)
            for delivery, (note, on_ambiguous, progress) in starts
        )

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        """Settle messages."""
        return await outcomes_of(delivery.settle(verdict) for delivery, verdict in verdicts)

    async def advance_all(
        self, advances: Sequence[tuple[Delivery, Advance]]
    ) -> Sequence[Delivery | QueueError | None]:
        """Forward messages and start them."""
        return await outcomes_of(
            delivery.advance(advance)
            for delivery, advance in advances
            if isinstance(delivery, MemoryDelivery)
        )
