"""Where the in-memory queue's messages are, and the one way from a state to another.

WAITING ──────► LEASED ──► ENDED (done, expired, cancelled)
   ▲ ▲            │  │
   │ └─ DELAYED ◄─┘  └───► DEAD ──► ENDED (deleted)
   └───────────────────────┘ replay
"""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import chain

from durable_queue.messages import SUSPECT_AFTER, UNDONE
from durable_queue.port import Change, Message, Note, OnAmbiguous, QueueUnavailable
from durable_queue.recorder import ChangeEvent, Recorder


class MessageState(Enum):
    """Where a message is: in exactly one of these at any time."""

    WAITING = auto()
    LEASED = auto()
    DELAYED = auto()
    DEAD = auto()
    ENDED = auto()


@dataclass(slots=True, kw_only=True)
class Entry:
    """A message and what became of it.

    `since` is when it came into its state. `until` is when its lease or its delay is over, by the
    steady clock; `look_at` is when a delayed one is due or expires, by the time of day.
    `is_uncertain` says that an earlier start may have had its effect. `settled` is the last claim's
    token and verdict, so that the same call may be made twice.
    """

    id: str
    lane: str
    body: bytes
    max_attempts: int
    expires_at: datetime | None
    since: datetime
    on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND
    until: datetime | None = None
    look_at: datetime | None = None
    state: MessageState = MessageState.WAITING
    attempt: int = 1
    deferrals: int = 0
    deliveries: int = 0
    token: int = 0
    is_started: bool = False
    is_uncertain: bool = False
    settled: tuple[int, str] | None = None
    error: str = ""
    progress: str = ""

    def keep(self, progress: str | None) -> None:
        """Remember how far its workers came, if they said so."""
        self.progress = self.progress if progress is None else progress

    def count_anew(self) -> None:
        """Forget attempts, deferrals and deliveries, as on entering a lane."""
        self.attempt, self.deferrals, self.deliveries, self.error = 1, 0, 0, ""

    def ends_at(self, *, now: datetime, steady: datetime) -> datetime | None:
        """Return when its state was over, if it is; for the order in which that happened."""
        ends = [
            end
            for end, clock in ((self.until, steady), (self.look_at, now))
            if end is not None and end <= clock
        ]
        return min(ends, default=None)

    @property
    def is_suspect(self) -> bool:
        """Tell whether it is to be received alone."""
        return self.deliveries >= SUSPECT_AFTER

    def ends_in(self, *, now: datetime, steady: datetime) -> timedelta:
        """Return how soon its state is over, by whichever clock that is first."""
        clocks = ((self.until, steady), (self.look_at, now))
        return min(end - clock for end, clock in clocks if end is not None)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether it is too late to start."""
        return self.expires_at is not None and self.expires_at <= now


Place = OrderedDict[str, Entry]


class Store:
    """All messages, by id and by lane and state. Not safe for several event loops or threads."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        steady: Callable[[], datetime],
        recorder: Recorder | None,
    ) -> None:
        self.now = now
        self.steady = steady
        self.is_down = False
        self.entries: dict[str, Entry] = {}
        self.arrived = asyncio.Event()
        self.entered: Counter[str] = Counter()
        self._recorder = recorder
        self._places: defaultdict[tuple[str, MessageState], Place] = defaultdict(OrderedDict)
        self._step = asyncio.Lock()

    def place(self, lane: str, state: MessageState) -> Place:
        """Return the messages of a lane in a state: the waiting ones in turn, others by `since`."""
        return self._places[lane, state]

    def next_due(self, lanes: Sequence[str]) -> timedelta | None:
        """Return how soon a delayed message is to be looked at; None if there is none."""
        now, steady = self.now(), self.steady()
        delayed = chain(*(self.place(lane, MessageState.DELAYED).values() for lane in lanes))
        return min((entry.ends_in(now=now, steady=steady) for entry in delayed), default=None)

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Hold off all others, so that a change and the recorder's part in it are one step.

        Raises:
            QueueUnavailable: `is_down` is set.
        """
        async with self._step:
            if self.is_down:
                raise QueueUnavailable("the in-memory queue was told to be down")
            yield

    async def add(self, message: Message, change: Change) -> None:
        """Take in a new message: waiting, or delayed if it is scheduled."""
        entry = Entry(
            id=message.id,
            lane=message.lane,
            body=message.body,
            max_attempts=message.max_attempts,
            expires_at=message.expires_at,
            since=self.now(),
        )
        self.entries[entry.id] = entry
        due_at = message.due_at if change is Change.SCHEDULED else None
        await self.wait(entry, change, message.note, due_at=due_at)

    def lease(self, entry: Entry, *, token: int, until: datetime) -> None:
        """Give it to a worker. No change is recorded: nothing has happened to it yet."""
        entry.token, entry.settled = token, None
        entry.deliveries += 1
        self._move(entry, MessageState.LEASED, until=until)

    def hand_back(self, entry: Entry) -> None:
        """Undo a lease of a message that was not looked at: nothing has happened to it."""
        entry.deliveries -= 1
        self._move(entry, MessageState.WAITING)
        self.place(entry.lane, MessageState.WAITING).move_to_end(entry.id, last=False)
        self._announce()

    async def start(self, entry: Entry, note: Note) -> None:
        """Mark that the outside world may see an effect from here on."""
        entry.is_started = True
        await self._record(entry, Change.STARTED, note)

    async def advance(
        self, entry: Entry, lane: str, until: datetime, note: Note, start_note: Note
    ) -> None:
        """Let it enter another lane and be started there by who holds it."""
        entry.deliveries = 1
        self._move(entry, MessageState.LEASED, lane=lane, until=until)
        self.entered[lane] += 1
        await self._record(entry, Change.FORWARDED, note)
        await self.start(entry, start_note)

    async def wait(
        self,
        entry: Entry,
        change: Change,
        note: Note = b"",
        *,
        lane: str | None = None,
        due_at: datetime | None = None,
        delay: timedelta = timedelta(0),
        in_front: bool = False,
    ) -> None:
        """Let it wait for its turn, or first until it is due or a delay is over."""
        if delay > timedelta(0):
            due_at = self.now() + delay
            self._move(
                entry, MessageState.DELAYED, until=self.steady() + delay, look_at=entry.expires_at
            )
        elif due_at is not None:
            look_at = min(due_at, entry.expires_at or due_at)
            self._move(entry, MessageState.DELAYED, look_at=look_at)
        else:
            self._move(entry, MessageState.WAITING, lane=lane)
            self.place(entry.lane, MessageState.WAITING).move_to_end(entry.id, last=not in_front)
            self.entered[entry.lane] += not in_front
            self._announce()
        await self._record(entry, change, note, due_at)

    async def end(self, entry: Entry, change: Change, note: Note = b"") -> None:
        """Be done with it: its bytes go."""
        entry.body = b""
        self._move(entry, MessageState.ENDED)
        await self._record(entry, change, note)

    async def dead_letter(self, entry: Entry, change: Change, error: str, note: Note = b"") -> None:
        """Give it up, but keep it with its bytes."""
        entry.error = error
        self._move(entry, MessageState.DEAD)
        await self._record(entry, change, note)

    def forget_ended(self, before: datetime) -> None:
        """Remove every trace of the messages that ended before that."""
        for (_, state), place in self._places.items():
            if state is MessageState.ENDED:
                while place and next(iter(place.values())).since < before:
                    del self.entries[place.popitem(last=False)[0]]

    def _move(
        self,
        entry: Entry,
        state: MessageState,
        *,
        lane: str | None = None,
        until: datetime | None = None,
        look_at: datetime | None = None,
    ) -> None:
        self.place(entry.lane, entry.state).pop(entry.id, None)
        entry.lane, entry.state = lane or entry.lane, state
        entry.since, entry.is_started = self.now(), False
        entry.until, entry.look_at = until, look_at
        self.place(entry.lane, state)[entry.id] = entry

    def _announce(self) -> None:
        self.arrived.set()
        self.arrived = asyncio.Event()

    async def _record(
        self, entry: Entry, change: Change, note: Note, due_at: datetime | None = None
    ) -> None:
        if self._recorder is None:
            return
        recorded = self._recorder(
            ChangeEvent(
                change=change,
                message_id=entry.id,
                lane=entry.lane,
                at=entry.since if change is not Change.STARTED else self.now(),
                due_at=due_at,
                note=note,
                is_uncertain=entry.is_uncertain and change in UNDONE,
            )
        )
        if recorded is not None:
            await recorded
