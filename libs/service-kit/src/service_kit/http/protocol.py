"""The wire, below the application: what can't be parsed is answered with a problem as well."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service_kit.http.problems import MEDIA_TYPE, TYPE_PREFIX

# uvicorn with httptools has no bound of its own: one endless header would fill the memory.
MAX_HEAD_BYTES = 64 * 1024


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with problem documents, a bound on heads, and none idle for ever."""

    first_request_seconds = 30.0
    _in_head = True
    _head_bytes = 0
    _requests = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close it after `first_request_seconds` if nothing ever comes."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.first_request_seconds, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Parse; give up on a head that has no end."""
        requests = self._requests
        super().data_received(data)
        if self._in_head and requests == self._requests:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(431, "head_too_large", "The request's line and headers are too large")

    def on_headers_complete(self) -> None:
        """Note that the head is over."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that another head may follow."""
        self._in_head = True
        self._head_bytes = 0
        self._requests += 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and hang up."""
        self._refuse(400, "bad_request", msg)

    def _refuse(self, status: int, code: str, title: str) -> None:
        document = {"type": TYPE_PREFIX + code, "title": title, "status": status, "code": code}
        body = json.dumps(document).encode()
        head = (
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
