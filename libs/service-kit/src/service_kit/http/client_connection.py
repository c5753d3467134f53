"""One connection to an upstream: a request goes out, and its answer is read with httptools."""

import asyncio
from typing import Final, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from service_kit.http.client_errors import HungUp, UpstreamError, UpstreamUnavailable

RawHeaders = list[tuple[bytes, bytes]]
"""Names in lower case, in the order in which they came."""

# The parser has no bound of its own: one endless header would fill the memory.
_MAX_HEAD_BYTES: Final = 64 * 1024
_FIRST_FINAL_STATUS: Final = 200
_FRAMED_BY: Final = frozenset({b"content-length", b"transfer-encoding"})


class AnswerReader(Protocol):
    """What takes in an answer, in this order: its head, its body, its end; or that it failed."""

    def head(self, status: int, headers: RawHeaders) -> None: ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: UpstreamError) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """A connection that carries one request at a time, and says when it is lost."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._reader: AnswerReader | None = None
        self._headers: RawHeaders = []
        self._head_bytes = 0
        self._has_head = False
        self._is_head_request = False
        self._is_spent = False

    @property
    def is_kept(self) -> bool:
        """Tell whether it may carry another request."""
        return not (self._is_spent or self._reader or self._transport is None)

    def send(self, request: bytes, reader: AnswerReader, *, is_head: bool = False) -> None:
        """Send a request; its answer goes to `reader`. `is_head`: it has no body, whatever it says.

        Only while `is_kept`.
        """
        assert self._transport is not None  # noqa: S101 - it is kept, and so connected
        self._reader = reader
        self._has_head = False
        self._is_head_request = is_head
        self._transport.write(request)

    def give_up(self) -> None:
        """Hang up at once; nothing more comes to the reader."""
        self._reader = None
        self._hang_up()

    def fail(self, error: UpstreamError) -> None:
        """Hang up at once, and tell the reader, if there is one, why."""
        reader, self._reader = self._reader, None
        self._hang_up()
        if reader is not None:
            reader.fail(error)

    def pause(self) -> None:
        """Read no more for now: the reader has enough."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note that requests can be sent."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read an answer; hang up on what nobody has asked for."""
        if self._reader is None:
            self._hang_up()
            return
        if not self._has_head:
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.fail(UpstreamUnavailable("the answer's head is too large", sent=True))
                return
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.fail(UpstreamUnavailable(f"no HTTP answer: {error}", sent=True))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer that is cut off here, or ends here."""
        self._transport = None
        if self._reader is not None:
            if not self._has_head:
                self.fail(HungUp(str(exc or "the upstream has hung up")))
            elif exc is None and not any(name in _FRAMED_BY for name, _ in self._headers):
                self._finish(is_reusable=False)
            else:
                self.fail(UpstreamUnavailable(str(exc or "the answer breaks off"), sent=True))
        self.lost.set_result(None)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Make room for a head; what follows the answer's end is no part of it."""
        self._headers = []
        if self._reader is None:
            self._hang_up()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; what follows the body is none (RFC 9110, 6.5.1)."""
        if not self._has_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Hand over the head, unless another one follows (1xx)."""
        status = self._parser.get_status_code()
        if self._reader is None or status < _FIRST_FINAL_STATUS:
            return
        self._has_head = True
        self._head_bytes = 0
        self._reader.head(status, self._headers)
        if self._is_head_request and self._reader is not None:
            # The parser would wait for the body that the headers tell of.
            self._finish(is_reusable=False)

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        if self._reader is not None:
            self._reader.body(data)

    def on_message_complete(self) -> None:
        """Hand over the end."""
        if self._has_head:
            self._finish(is_reusable=self._parser.should_keep_alive())

    def _finish(self, *, is_reusable: bool) -> None:
        reader, self._reader = self._reader, None
        # Who is answered before all of the request is written does not read the rest of it.
        if not is_reusable or (self._transport and self._transport.get_write_buffer_size()):
            self._hang_up()
        if reader is not None:
            reader.end()

    def _hang_up(self) -> None:
        self._is_spent = True
        if self._transport is not None:
            self._transport.abort()
