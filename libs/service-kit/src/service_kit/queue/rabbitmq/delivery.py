"""A message in a worker's hands."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from service_kit.failpoints import afailpoint
from service_kit.queue.claims.store import Begun, State
from service_kit.queue.port import Change, LeaseLost, MessageExpired, Note, OnAmbiguous
from service_kit.queue.rabbitmq.burial import End, bury, poison
from service_kit.queue.rabbitmq.envelope import Envelope, from_ms
from service_kit.queue.rabbitmq.intake import Arrived
from service_kit.queue.rabbitmq.moves import Moves

LetGo = Callable[["RabbitDelivery"], None]

_MILLISECOND = timedelta(milliseconds=1)


class RabbitDelivery:
    """A `Delivery`. A verdict that failed half-way is given again, and goes on where it was."""

    __slots__ = (
        "_arrived",
        "_began",
        "_expired",
        "_let_go",
        "_moves",
        "_one_at_a_time",
        "_poison",
        "_recorded",
        "_settled",
        "_started",
        "attempt",
        "body",
        "deferrals",
        "deliveries",
        "expires_at",
        "held_until",
        "id",
        "lane",
        "max_attempts",
        "token",
    )

    def __init__(self, arrived: Arrived, begun: Begun, moves: Moves, let_go: LetGo) -> None:
        envelope = arrived.envelope
        self.id: str = envelope.id
        self.lane: str = envelope.lane
        self.body: bytes = envelope.body
        self.attempt: int = envelope.attempt
        self.max_attempts: int = envelope.max_attempts
        self.deferrals: int = envelope.deferrals
        self.expires_at: datetime | None = from_ms(envelope.expires)
        self.token = begun.token
        self.deliveries = begun.number
        self.held_until = moves.now() + moves.options.lease
        self._arrived = arrived
        self._moves = moves
        self._let_go = let_go
        self._one_at_a_time = asyncio.Lock()
        self._started = ""
        self._expired = False
        self._recorded = ""
        self._settled = ""
        self._poison = 0

    @property
    def arrived(self) -> Arrived:
        """The copy that was taken up."""
        return self._arrived

    @property
    def hop(self) -> int:
        """Which copy this is."""
        return self._envelope.hop

    @property
    def _envelope(self) -> Envelope:
        return self._arrived.envelope

    async def start(self, note: Note = b"", *, on_ambiguous: OnAmbiguous | None = None) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        async with self._one_at_a_time:
            if self._expired:
                raise MessageExpired(self.id)
            if not self._started and self._moves.is_expired(self._envelope):
                await self._expire()
                raise MessageExpired(self.id)
            hold = self._envelope.hold
            if on_ambiguous is not None:
                hold = on_ambiguous is OnAmbiguous.HOLD
            if not await self._moves.claims.start(self.id, self.token, self.hop, hold=hold):
                self._let_go(self)
                raise LeaseLost(self.id)
            self.held_until = self._moves.now() + self._moves.options.lease
            if self._started != "recorded":
                self._started = "claimed"
                await self._moves.record(Change.STARTED, self._envelope, note)
                self._started = "recorded"

    async def ack(self, note: Note = b"") -> None:
        """Settle: done."""
        await self._settle("ack", lambda _: self._end(Change.DONE, note))

    async def forward(
        self, lane: str, note: Note = b"", *, max_attempts: int | None = None
    ) -> None:
        """Settle here and put it into another lane, attempts counted anew."""
        moved = self._envelope.moved(
            lane=lane,
            attempt=1,
            deferrals=0,
            max_attempts=max_attempts or self.max_attempts,
            due=0,
            since=self._moves.now_ms,
        )
        await self._settle("forward", lambda _: self._move(Change.FORWARDED, moved, note))

    async def retry(self, delay: timedelta, note: Note = b"") -> None:
        """Settle: an attempt is used up, try again after `delay`; dead after the last one."""
        if self.attempt >= self.max_attempts:
            error = f"attempts exhausted: {self.attempt}"
            await self._give_up("exhausted", End(change=Change.EXHAUSTED, error=error, note=note))
            return
        moved = self._later(delay, attempt=self.attempt + 1)
        await self._settle("retry", lambda _: self._move(Change.RETRIED, moved, note))

    async def defer(self, delay: timedelta, note: Note = b"") -> None:
        """Settle: it could not be tried for now; again after `delay`, with no attempt used up."""
        moved = self._later(delay, deferrals=self.deferrals + 1)
        await self._settle("defer", lambda _: self._move(Change.DEFERRED, moved, note))

    async def dead_letter(self, error: str, note: Note = b"") -> None:
        """Settle: given up, kept with its bytes and `error`."""
        # An error may quote text that can't be encoded.
        text = error.encode(errors="backslashreplace").decode()
        await self._give_up("dead", End(change=Change.DEAD, error=text, note=note))

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """Hand it back untried; poison if that happens over and over."""

        async def back(deliveries: int) -> None:
            if deliveries:
                await self._bury(poison(deliveries, note))
            elif delay > timedelta(0) or not self._arrived.line.is_live:
                await self._move(Change.RELEASED, self._later(delay), note, suspect=True)
            else:
                await self._put_back(note)

        await self._settle("release", back)

    async def _give_up(self, verdict: str, end: End) -> None:
        await self._settle(verdict, lambda _: self._bury(end), end.memo)

    async def _settle(
        self, verdict: str, carry_out: Callable[[int], Awaitable[None]], memo: str = ""
    ) -> None:
        async with self._one_at_a_time:
            if self._settled:
                if self._settled != verdict or not await self._is_last_word(verdict):
                    raise LeaseLost(self.id)
                return
            decide = self._moves.claims.decide
            code, deliveries = await decide(self.id, self.token, self.hop, verdict, memo)
            self._let_go(self)
            if code == "lost":
                raise LeaseLost(self.id)
            await afailpoint("queue.after_decide")
            self._poison = deliveries or self._poison
            await carry_out(self._poison)
            self._settled = verdict

    async def _is_last_word(self, verdict: str) -> bool:
        code, _ = await self._moves.claims.decide(self.id, self.token, self.hop, verdict)
        return code != "lost"

    async def _record_once(self, change: Change, note: Note, envelope: Envelope) -> None:
        if self._recorded != change:
            await self._moves.record(change, envelope, note, due_ms=envelope.due)
            self._recorded = change

    async def _end(self, change: Change, note: Note) -> None:
        await self._record_once(change, note, self._envelope)
        await self._moves.claims.settled(self.id, self.token, self.hop, State.ENDED)
        await self._arrived.done()

    async def _expire(self) -> None:
        code, _ = await self._moves.claims.decide(self.id, self.token, self.hop, "expire")
        self._let_go(self)
        if code == "lost":
            raise LeaseLost(self.id)
        await self._end(Change.EXPIRED, b"")
        self._expired, self._settled = True, "expire"

    async def _move(
        self, change: Change, moved: Envelope, note: Note, *, suspect: bool = False
    ) -> None:
        await self._record_once(change, note, moved)
        await self._moves.put(moved)
        await afailpoint("queue.after_put")
        claims = self._moves.claims
        await claims.settled(self.id, self.token, moved.hop, State.WAITING, suspect=suspect)
        await self._arrived.done()

    async def _bury(self, end: End) -> None:
        await self._record_once(end.change, end.note, self._envelope)
        await bury(self._moves, self._arrived, self.token, end)

    async def _put_back(self, note: Note) -> None:
        await self._record_once(Change.RELEASED, note, self._envelope)
        claims = self._moves.claims
        await claims.settled(self.id, self.token, self.hop, State.WAITING, suspect=True)
        put_in_front(self._arrived)

    def _later(self, delay: timedelta, **changes: int) -> Envelope:
        now_ms = self._moves.now_ms
        due = now_ms + delay // _MILLISECOND if delay > timedelta(0) else 0
        return self._envelope.moved(due=due, since=now_ms, **changes)


def put_in_front(arrived: Arrived) -> None:
    """Let the next worker of this process that asks have it, before all others."""
    arrived.was_delayed = False
    arrived.line.buffers[arrived.envelope.lane].appendleft(arrived)
    arrived.line.announce()
