"""One message of the in-memory queue that a worker holds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from durable_queue.memory.store import Entry, MessageState, Store
from durable_queue.messages import SUSPECT_AFTER, exhausted_error, poison_error
from durable_queue.port import (
    Change,
    LeaseLost,
    MessageExpired,
    Note,
    OnAmbiguous,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """How long claims and traces of ended messages are kept, and how much is put up with."""

    lease: timedelta = timedelta(seconds=60)
    retention: timedelta = timedelta(days=30)
    max_waiting: int = 1_000_000
    max_deliveries: int = 10


class MemoryDelivery:
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
            if self._entry.settled == (self._token, "expired"):
                raise MessageExpired(self.id)
            if not self.extend():
                raise LeaseLost(self.id)
            if self._entry.is_expired(self._store.now()):
                self._entry.settled = (self._token, "expired")
                await self._store.end(self._entry, Change.EXPIRED, note)
                raise MessageExpired(self.id)
            self._entry.on_ambiguous = on_ambiguous
            self._entry.keep(progress)
            if self._entry.is_started:
                return
            await self._store.start(self._entry, note)

    async def ack(self, note: Note = b"") -> None:
        """Settle: done."""
        async with self._verdict("ack") as entry:
            if entry:
                await self._store.end(entry, Change.DONE, note)

    async def forward(self, lane: str, note: Note = b"") -> None:
        """Settle here and put it into another lane, attempts counted anew."""
        async with self._verdict("forward") as entry:
            if entry:
                entry.count_anew()
                await self._store.wait(entry, Change.FORWARDED, note, lane=lane)

    async def retry(
        self,
        delay: timedelta,
        note: Note = b"",
        *,
        is_uncertain: bool = False,
        progress: str | None = None,
    ) -> None:
        """Settle: an attempt is used up, try again after `delay`; dead after the last one."""
        async with self._verdict("retry", is_uncertain=is_uncertain) as entry:
            if entry:
                entry.keep(progress)
            if entry and entry.attempt >= entry.max_attempts:
                await self._store.dead_letter(
                    entry, Change.EXHAUSTED, exhausted_error(entry.attempt), note
                )
            elif entry:
                entry.attempt += 1
                entry.deliveries = 0
                await self._store.wait(entry, Change.RETRIED, note, delay=delay)

    async def defer(
        self, delay: timedelta, note: Note = b"", *, progress: str | None = None
    ) -> None:
        """Settle: it could not be tried for now; again after `delay`, with no attempt used up."""
        async with self._verdict("defer") as entry:
            if entry:
                entry.keep(progress)
                entry.deferrals += 1
                entry.deliveries = 0
                await self._store.wait(entry, Change.DEFERRED, note, delay=delay)

    async def dead_letter(
        self, error: str, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """Settle: given up, kept with its bytes and `error`."""
        async with self._verdict("dead_letter", is_uncertain=is_uncertain) as entry:
            if entry:
                await self._store.dead_letter(entry, Change.DEAD, error, note)

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """Hand it back untried; poison if that happens over and over."""
        async with self._verdict("release") as entry:
            if entry and entry.deliveries >= self._options.max_deliveries:
                await self._store.dead_letter(
                    entry, Change.POISONED, poison_error(entry.deliveries), note
                )
            elif entry:
                await self._store.wait(entry, Change.RELEASED, note, delay=delay, in_front=True)

    @asynccontextmanager
    async def _verdict(
        self, name: str, *, is_uncertain: bool = False
    ) -> AsyncIterator[Entry | None]:
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

    def _is_held(self) -> bool:
        return self._entry.state is MessageState.LEASED and self._entry.token == self._token
