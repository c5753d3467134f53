"""One request and its answer, on their way through the outermost middleware."""

import asyncio
import re
from collections.abc import Sequence
from secrets import token_hex

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from service_kit.http.problems import BODY_TOO_LARGE, Problem, problem_response
from service_kit.lifecycle import Stopping

Headers = Sequence[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_DISCONNECT: Message = {"type": "http.disconnect"}
_NOTHING_MORE: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def request_id_in(given: bytes) -> str:
    """Return the id that the client gave the request, if it is well-formed; else a new one."""
    return given.decode() if _REQUEST_ID.fullmatch(given) else token_hex(16)


class BodyTooLarge(HTTPException):
    """Raised out of `receive` when more bytes arrive than the app takes.

    It is an `HTTPException` because the framework's own body parsing lets only those through.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(BODY_TOO_LARGE.status, f"At most {limit} bytes are accepted.")


class Exchange:
    """Wraps `receive` and `send` of one request; `status` is 0 until an answer begins.

    A HEAD request is handed to the app as a GET, and its answer loses its body here. An event
    stream ends, tidily, when the process stops; it would hold up the stop for ever otherwise.
    """

    __slots__ = (
        "_answer_headers",
        "_body_read",
        "_endless",
        "_expects_continue",
        "_finished",
        "_limit",
        "_receive",
        "_received",
        "_send",
        "_stopping",
        "coding",
        "declared",
        "fetch_site",
        "host",
        "internal_token",
        "is_head",
        "origin",
        "request_id",
        "scope",
        "status",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit: int | None,
        stopping: Stopping,
        answer_headers: Headers = (),
    ) -> None:
        self.status = 0
        self._receive = receive
        self._send = send
        self._limit = limit
        self._stopping = stopping
        self._answer_headers = answer_headers
        self._received = 0
        self._body_read = self._finished = self._endless = self._expects_continue = False
        self.coding: bytes | None = None
        self.declared: bytes | None = None
        self.host: bytes | None = None
        self.origin: bytes | None = None
        self.fetch_site: bytes | None = None
        self.internal_token: bytes | None = None
        self.scope = scope
        given = self._read_headers()
        self.request_id = request_id_in(given)
        scope.setdefault("state", {})["request_id"] = self.request_id
        self.is_head = scope["method"] == "HEAD"
        # A copy, because the server looks at its own for whether to send a body.
        self.scope = {**scope, "method": "GET"} if self.is_head else scope

    def _read_headers(self) -> bytes:
        """Take what matters from the headers; return the id that the client gave the request."""
        given = b""
        for name, value in self.scope["headers"]:
            if name == b"x-request-id":
                given = value
            elif name == b"content-length":
                self.declared = value
            elif name == b"host":
                # Two of them are no browser's; the one that isn't ours must not hide.
                self.host = value if self.host in (None, value) else b""
            elif name == b"origin":
                self.origin = value
            elif name == b"sec-fetch-site":
                self.fetch_site = value
            elif name == b"x-internal-token":
                # Two of them are no service's.
                self.internal_token = value if self.internal_token is None else b""
            elif name == b"expect":
                self._expects_continue = True
            elif name == b"transfer-encoding":
                self.coding = value if self.coding is None else b""
        return given

    async def receive(self) -> Message:
        """Pass on what the client sends, up to the limit, or that the stream is to end."""
        if self._body_read:
            return await self._hang_up_or_stop()
        message = await self._receive()
        self._body_read = not message.get("more_body", False)
        if self._limit is not None:
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                raise BodyTooLarge(self._limit)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the app answers, with the request's id."""
        if message["type"] == "http.response.start":
            self._begin(message)
        elif self.is_head:
            await self._drop_body(message)
            return
        else:
            self._finished = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, problem: Problem, detail: str | None = None) -> None:
        """Answer with a problem, unless an answer has begun; then the server cuts it off."""
        if self.status:
            return
        # A client that waits for "100 Continue" may or may not send its body after a refusal; only
        # a closed connection is clear. Any other body is read to its end and dropped by the server.
        headers = [("Connection", "close")] if self._expects_continue else []
        response = problem_response(
            problem, detail=detail, request_id=self.request_id, headers=headers
        )
        await response(self.scope, self.receive, self.send)

    async def end_stream(self) -> None:
        """Finish an event stream that was cut because the process stops."""
        if self._endless and not self._finished and self._stopping.is_set():
            await self._send(_NOTHING_MORE)

    def _begin(self, message: Message) -> None:
        self.status = message["status"]
        headers = []
        for pair in message.get("headers", ()):
            # A relayed answer brings the same id from the service behind us.
            if pair[0] != b"x-request-id":
                headers.append(pair)
            if pair[0] == b"content-type" and pair[1].startswith(b"text/event-stream"):
                self._endless = True
        headers.append((b"x-request-id", self.request_id.encode()))
        headers += self._answer_headers
        message["headers"] = headers

    async def _drop_body(self, message: Message) -> None:
        if not self._finished:
            self._finished = True
            await self._send(_NOTHING_MORE)
        if message.get("more_body", False):
            raise ClientDisconnect  # ends the app's stream; it has no reader

    async def _hang_up_or_stop(self) -> Message:
        hang_up = asyncio.ensure_future(self._receive())
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({hang_up, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not hang_up.done() and self._endless:
                return _DISCONNECT
            return await hang_up
        finally:
            hang_up.cancel()
            stop.cancel()
