"""Who is connected to a server, and which of them it waits for.

A slow client occupies a connection, and connections are limited. So a server that has reached its
limit closes the connection that it has waited for longest, and accepts the new one: a client that
sends its request at once gets in, however many others are idle.
"""

import asyncio
from enum import Enum, auto
from typing import Final, Protocol

from service_kit.http.limits import ServerLimits
from service_kit.logs import get_logger

log = get_logger(__name__)

# A new connection is no hindrance yet: its first bytes may be on their way.
_FIRST_BYTES_SECONDS: Final = 1.0
_SECONDS_BETWEEN_LINES: Final = 10.0


ON_RESERVE: Final = "on_reserve"
"""In `scope["state"]` of a request whose connection is beyond the limit."""


class Place(Enum):
    """Which part of the server a new connection is given."""

    ORDINARY = auto()
    RESERVE = auto()
    NONE = auto()


class ClientConnection(Protocol):
    """What is counted here, and hung up on."""

    deadline: float
    waiting_since: float

    def overdue(self) -> None:
        """End it: its client has used up its time. Called when `deadline` has passed."""
        ...

    def give_way(self) -> None:
        """End it at once: others need its place."""
        ...


class Connections:
    """The connections of one server. All times are those of the event loop."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._open: set[ClientConnection] = set()
        # Those whose client is to do something next, the longest wait first.
        self._waiting: dict[ClientConnection, None] = {}
        shortest = min(limits.head, limits.body, limits.idle, limits.stalled)
        self._step = min(1.0, shortest.total_seconds() / 4)
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.TimerHandle | None = None
        self._last_line = float("-inf")

    def __len__(self) -> int:
        """Count those that are open."""
        return len(self._open)

    def admit(self, connection: ClientConnection) -> Place:
        """Count a new connection, and say where there is room for it; for `NONE` it isn't counted.

        At the limit, those give way who have been waited for longest.
        """
        # Kept, because to ask for it each time costs a call of the system.
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        count = len(self._open)
        while count >= self._limits.connections and self._somebody_gives_way(now):
            count -= 1
        if count >= self._limits.connections + self._limits.reserve:
            self._say_that_it_is_full(now)
            return Place.NONE
        self._open.add(connection)
        if count < self._limits.connections:
            return Place.ORDINARY
        self._say_that_it_is_full(now)
        return Place.RESERVE

    def leave(self, connection: ClientConnection) -> None:
        """Count one less. Leaving twice is fine."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def wait(self, connection: ClientConnection, seconds: float) -> None:
        """Note that the client is to do something within `seconds`."""
        loop = self._loop
        now = loop.time()
        connection.deadline = now + seconds
        if connection not in self._waiting:
            connection.waiting_since = now
            self._waiting[connection] = None
        if self._timer is None:
            # One timer for all: one for each request would cost more than the rest of this.
            self._timer = loop.call_later(self._step, self._end_overdue, loop)

    def wait_no_more(self, connection: ClientConnection) -> None:
        """Note that the client has done it."""
        self._waiting.pop(connection, None)

    def _end_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in [each for each in self._waiting if each.deadline <= now]:
            self._waiting.pop(connection)
            connection.overdue()
        waits = bool(self._waiting)
        self._timer = loop.call_later(self._step, self._end_overdue, loop) if waits else None

    def _somebody_gives_way(self, now: float) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is None or now - longest.waiting_since < _FIRST_BYTES_SECONDS:
            return False
        self.leave(longest)
        longest.give_way()
        return True

    def _say_that_it_is_full(self, now: float) -> None:
        if now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            log.warning(
                "connections.full",
                open=len(self._open),
                waiting_for_client=len(self._waiting),
                max_connections=self._limits.connections,
            )
