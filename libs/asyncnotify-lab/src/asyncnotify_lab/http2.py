"""HTTP/2, by h2, which knows the protocol and leaves the connection to us."""

import asyncio
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError

from asyncnotify_lab.faults import Break, HangUp
from asyncnotify_lab.http import Answer, Request, Router


class Http2Protocol(asyncio.Protocol):
    """One connection: its requests are answered side by side."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._transport: asyncio.Transport | None = None
        self._requests: dict[int, tuple[list[tuple[str, str]], bytearray]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._window_opened = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        self._http.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is being answered."""
        self._transport = None
        for task in self._tasks.values():
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self._flush()
            self._break_off()
            return
        for event in events:
            self._react(event)
        self._flush()

    def _react(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int() as stream, headers=headers):
                pairs = cast(list[tuple[str, str]], headers)
                self._requests[stream] = (pairs, bytearray())
            case DataReceived(stream_id=int() as stream, data=data):
                self._requests[stream][1].extend(data or b"")
                self._http.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case StreamEnded(stream_id=int() as stream):
                headers_and_body = self._requests.pop(stream)
                task = asyncio.create_task(self._answer(stream, *headers_and_body))
                self._tasks[stream] = task
                task.add_done_callback(lambda _: self._tasks.pop(stream, None))
            case StreamReset(stream_id=int() as stream):
                self._requests.pop(stream, None)
                if running := self._tasks.get(stream):
                    running.cancel()
            case WindowUpdated():
                self._window_opened.set()
                self._window_opened = asyncio.Event()
            case ConnectionTerminated():
                self._break_off()
            case _:
                pass

    async def _answer(self, stream: int, headers: list[tuple[str, str]], body: bytearray) -> None:
        pseudo = {name: value for name, value in headers if name.startswith(":")}
        request = Request(
            method=pseudo[":method"],
            url=f"{pseudo[':scheme']}://{pseudo.get(':authority', '')}{pseudo[':path']}",
            headers={name: value for name, value in headers if not name.startswith(":")},
            body=bytes(body),
            version="2",
        )
        try:
            await self._send(stream, await self._router.answer(request))
        except HangUp as broken:
            self._break(stream, broken.how)
        except StreamClosedError:
            pass  # the client wants the answer no longer

    async def _send(self, stream: int, answer: Answer) -> None:
        content = answer.content
        headers = [(":status", str(answer.status)), *answer.sent_headers.items()]
        if content:
            headers.append(("content-length", str(len(content))))
        self._http.send_headers(
            stream, [(name.lower(), value) for name, value in headers], end_stream=not content
        )
        while content:
            room = min(
                self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size
            )
            if room <= 0:
                self._flush()
                await self._window_opened.wait()
                continue
            part, content = content[:room], content[room:]
            self._http.send_data(stream, part, end_stream=not content)
        self._flush()

    def _break(self, stream: int, how: Break) -> None:
        match how:
            case Break.RESET:
                self._http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
                self._flush()
            case Break.GO_AWAY:
                # This stream's request was not handled, nor any later one: RFC 9113, section 6.8.
                self._http.close_connection(ErrorCodes.NO_ERROR, last_stream_id=max(stream - 2, 0))
                self._flush()
                if self._transport:
                    self._transport.close()
            case _:
                self._break_off()

    def _break_off(self) -> None:
        if self._transport:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport:
            self._transport.write(self._http.data_to_send())
