"""Posts notifications over raw sockets, as a process of its own; a client library would cost more.

    generator.py '{"port": 8000, "count": 5000, "connections": 64}'      as fast as answers come
    generator.py '{"port": 8000, "count": 1000, "rate": 200}'            at random instants, 200/s

It prints one JSON object. At a rate, a duration counts from the instant at which the request was
due, so that a stall of the server is not left out.
"""

import json
import random
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
TEXT = "Your parcel arrives tomorrow between 9:00 and 11:00."
HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"content-length:"
ANSWERS_WITHIN_S = 30.0


@dataclass(slots=True)
class Connection:
    """One connection with one request at a time."""

    socket: socket.socket
    since: float = 0.0
    posted_at: float = 0.0
    received: bytes = b""


@dataclass(slots=True)
class Outcome:
    """What came of it. `posted_at` has the trace ids and instants of those accepted, if asked."""

    durations: list[float] = field(default_factory=list)
    refused: int = 0
    posted_at: dict[str, float] = field(default_factory=dict)

    def summary(self, seconds: float) -> dict[str, Any]:
        """Return it in milliseconds, and what this process took itself."""
        laps = sorted(each * 1000 for each in self.durations)
        return {
            "count": len(laps),
            "rate": len(laps) / seconds,
            "p50": laps[len(laps) // 2],
            "p99": laps[int(len(laps) * 0.99)],
            "longest": laps[-1],
            "refused": self.refused,
            "load_ms": time.process_time() * 1000,
            "posted_at": self.posted_at,
        }


@dataclass(slots=True)
class Generator:
    """A single loop over all connections."""

    port: int
    count: int
    connections: int = 64
    rate: float | None = None
    users: int = 500
    trace: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    _idle: list[Connection] = field(default_factory=list)
    _opened: int = 0
    _poll: select.epoll = field(default_factory=select.epoll)
    _by_descriptor: dict[int, Connection] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Post all; return the summary."""
        requests = [self._request(number) for number in range(self.users)]
        began, posted, instants = time.perf_counter(), 0, self._instants()
        due = began + next(instants)
        while len(self.outcome.durations) < self.count:
            now = time.perf_counter()
            while posted < self.count and due <= now and (connection := self._free()):
                connection.since = now if self.rate is None else due
                connection.posted_at = time.time() if self.trace else 0.0
                connection.socket.sendall(requests[posted % self.users])
                posted += 1
                due = began + next(instants)
            is_early = self.rate is not None and posted < self.count
            waits = max(due - time.perf_counter(), 0.0) if is_early else ANSWERS_WITHIN_S
            events = self._poll.poll(waits)
            if not events and not is_early:
                raise TimeoutError(f"no answer for {waits:g} s")
            for descriptor, _ in events:
                self._receive(self._by_descriptor[descriptor])
        return self.outcome.summary(time.perf_counter() - began)

    def _instants(self) -> Iterator[float]:
        """Yield when each is due, in seconds from the start."""
        chance, instant = random.Random(7), 0.0
        while True:
            instant += chance.expovariate(self.rate) if self.rate else 0.0
            yield instant

    def _request(self, number: int) -> bytes:
        body = json.dumps({"user_id": f"user-{number}", "message": TEXT})
        head = (
            f"POST /notifications HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()

    def _free(self) -> Connection | None:
        """Return an idle connection, or a new one; at a rate there may be any number."""
        if self._idle:
            return self._idle.pop()
        if self.rate is None and self._opened == self.connections:
            return None
        connection = Connection(socket.create_connection((HOST, self.port)))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(connection.socket, select.EPOLLIN)
        self._by_descriptor[connection.socket.fileno()] = connection
        self._opened += 1
        return connection

    def _receive(self, connection: Connection) -> None:
        news = connection.socket.recv(65536)
        if not news and connection in self._idle:  # servers end what is idle, some after 5 s
            self._idle.remove(connection)
            self._poll.unregister(connection.socket)
            connection.socket.close()
            return
        if not news:
            raise ConnectionError("the server hung up")
        connection.received += news
        head, end, body = connection.received.partition(HEAD_ENDS)
        if not end or len(body) < _length(head):
            return
        self.outcome.durations.append(time.perf_counter() - connection.since)
        if head[9:12] != b"202":
            self.outcome.refused += 1
        elif self.trace:
            self.outcome.posted_at[json.loads(body)["trace_id"]] = connection.posted_at
        connection.received = b""
        self._idle.append(connection)


def _length(head: bytes) -> int:
    head = head.lower()
    start = head.find(LENGTH)
    return int(head[start + len(LENGTH) :].partition(b"\r\n")[0]) if start >= 0 else 0


if __name__ == "__main__":
    print(json.dumps(Generator(**json.loads(sys.argv[1])).run()))
