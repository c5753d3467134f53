"""The wire, below the application: what can't be parsed is answered with a problem as well.

An idle client can't hold a connection: there is a time limit for a head, for a body, between
requests, and for reading what it is sent; see `service_kit.http.connections`.
"""

import asyncio
import re
from collections.abc import Sized
from secrets import token_hex
from typing import ClassVar, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service_kit.http.connections import Connections, Place
from service_kit.http.hot import HotCalls
from service_kit.http.hot_protocol import HotProtocol
from service_kit.http.limits import ServerLimits
from service_kit.http.problems import MEDIA_TYPE, TOO_MANY_CONNECTIONS, Problem, problem_document

# uvicorn with httptools has no bound of its own: one endless header would fill the memory.
MAX_HEAD_BYTES = 64 * 1024
_BAD_REQUEST = Problem(400, "bad_request", "Invalid HTTP request received")
_HEAD_TOO_LARGE = Problem(431, "head_too_large", "The request's line and headers are too large")
_TOO_SLOW = Problem(408, "request_timeout", "The request did not arrive in time")
# RFC 9110, 7.8: who does not take up an offer of another protocol ignores it. The parser would
# ignore the body instead, and some clients make the offer with every request (`h2c`).
_OFFER: Final = re.compile(rb"\r\nupgrade(?=:)", re.IGNORECASE)
_NO_OFFER: Final = rb"\r\nx-upgrade"
# Time for a request that is sent at once: on the reserve, and when the process stops.
_SHORT_SECONDS: Final = 2.0
# What is parsed at once. A request that waits for its turn takes a hundred times its bytes.
_BYTES_AT_ONCE: Final = 16 * 1024


class ProblemProtocol(HotProtocol):
    """uvicorn's HTTP protocol with problem documents, a bound on heads, and limits of time.

    A server's is made by `protocol_of`.
    """

    limits: ClassVar[ServerLimits]
    open_connections: ClassVar[Connections]

    deadline = 0.0
    waiting_since = 0.0
    _in_head = True
    _has_begun = False
    _head_bytes = 0
    _requests = 0
    _is_stalled = False
    _unread = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if there is room, and wait for a head."""
        super().connection_made(transport)
        self.flow = _FlowInTurn(transport, self.pipeline)
        place = self.open_connections.admit(self)
        self.is_on_reserve = place is Place.RESERVE
        if place is Place.NONE:
            self._refuse(TOO_MANY_CONNECTIONS)
        else:
            self._wait_for_client()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place to others."""
        self.open_connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what comes, as long as no request has to wait for the answer to another."""
        self._unread += data
        while self._unread and not self.pipeline and not self.transport.is_closing():
            now, self._unread = self._unread[:_BYTES_AT_ONCE], self._unread[_BYTES_AT_ONCE:]
            self._parse(now)

    def _parse(self, data: bytes) -> None:
        """Parse; give up on a head that has no end."""
        before = (self._requests, self._in_head, self._has_begun)
        super().data_received(_without_offer(data) if self._in_head and b"pgrade" in data else data)
        if self._in_head and self._requests == before[0]:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)
        if (self._requests, self._in_head, self._has_begun) != before:
            self._wait_for_client()

    def on_message_begin(self) -> None:
        """Note that the client has begun a request."""
        self._has_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self._in_head = False
        super().on_headers_complete()
        if self.is_on_reserve:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Note that it is our turn, and that another head may follow."""
        self._in_head = True
        self._has_begun = False
        self._head_bytes = 0
        self._requests += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one.

        As uvicorn does, but for its timer: idle connections are looked after all together.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._hang_up()
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self.flow.resume_reading()
        self.data_received(b"")
        self._wait_for_client()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        self._is_stalled = True
        self._wait_for_client()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        super().resume_writing()
        self._is_stalled = False
        self._wait_for_client()

    def shutdown(self) -> None:
        """Finish what is running; a body that is not here yet is not waited for much longer."""
        super().shutdown()
        if not self._in_head:
            self.open_connections.wait(self, _SHORT_SECONDS)

    def overdue(self) -> None:
        """Hang up on a client that has used up its time, and say so if it was about to ask."""
        if self._is_stalled:
            self.transport.abort()
        elif self._has_begun:
            self._refuse(_TOO_SLOW)
        else:
            self._hang_up()

    def give_way(self) -> None:
        """Hang up at once, in favour of somebody else."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and hang up."""
        self._refuse(_BAD_REQUEST)

    def _unsupported_upgrade_warning(self) -> None:
        """Refuse an offer that came in pieces: the parser has dropped what follows it."""
        self._refuse(_BAD_REQUEST)

    def _wait_for_client(self) -> None:
        """Grant the client its time, if it is for the client to do something next."""
        time = self._time_for_client()
        if time is None or self.transport.is_closing():
            self.open_connections.wait_no_more(self)
        else:
            self.open_connections.wait(self, time)

    def _time_for_client(self) -> float | None:
        if self._is_stalled:
            return self.limits.stalled.total_seconds()
        if self.pipeline:
            return None
        if not self._in_head:
            return self.limits.body.total_seconds()
        if self._is_answering():
            return None
        if self.is_on_reserve:
            return _SHORT_SECONDS
        is_idle = self._requests > 0 and not self._has_begun
        return (self.limits.idle if is_idle else self.limits.head).total_seconds()

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        if self._in_head and self._is_answering() and not self.cycle.response_started:
            # Who reads it now would take it for the answer to the request before.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if not self._is_answering() or not self.cycle.response_started:
            # Not in the middle of an answer.
            body = problem_document(problem, request_id=token_hex(16))
            head = [f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}"]
            if problem.retry_after is not None:
                head.append(f"retry-after: {problem.retry_after.total_seconds():.0f}")
            lines = "\r\n".join([*head, "connection: close", "", ""])
            self.transport.write(STATUS_LINE[problem.status] + lines.encode() + body)
        self._hang_up()

    def _hang_up(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            # Closing waits until all is written, which may never be.
            self.loop.call_later(self.limits.stalled.total_seconds(), self.transport.abort)


class _FlowInTurn(FlowControl):
    """Reads nothing more while requests wait: a client could fill the memory with them."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


def _without_offer(data: bytes) -> bytes:
    head, end, rest = data.partition(b"\r\n\r\n")
    return _OFFER.sub(_NO_OFFER, head) + end + rest


def protocol_of(limits: ServerLimits, hot_calls: HotCalls | None = None) -> type[ProblemProtocol]:
    """Make the protocol of one server, whose connections share `limits`."""
    members = {
        "limits": limits,
        "open_connections": Connections(limits),
        "hot_calls": hot_calls,
    }
    return type("LimitedProtocol", (ProblemProtocol,), members)
