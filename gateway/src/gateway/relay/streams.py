"""Event streams on their way, for as long as both ends want."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Final

from service_kit.http.client import UpstreamError, UpstreamResponse, UpstreamStream
from service_kit.http.streams import StreamSlots
from service_kit.logs import get_logger
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.relay.answers import response_of
from gateway.relay.headers import headers_for_client

log = get_logger(__name__)

_BODY: Final = "http.response.body"

Watch = Callable[[], AbstractContextManager[asyncio.Event]]
"""Watches over who follows a stream: the event is set when they may do so no more."""

Opening = AbstractAsyncContextManager[UpstreamStream | UpstreamResponse]


class RelayedStream(StreamingResponse):
    """A response that lasts until the service, the client or the gateway ends it.

    In each case what the client has got is complete; it comes back with `Last-Event-ID`.
    """

    def __init__(
        self,
        service: str,
        opening: Opening,
        slots: StreamSlots,
        watch: Watch | None = None,
        own: AbstractContextManager[None] | None = None,
    ) -> None:
        """`own` is held as one of the client's streams while this lasts."""
        super().__init__(())
        self._service = service
        self._opening = opening
        self._slots = slots
        self._watch = watch
        self._own = own or nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the stream and pass it on, or pass on the answer that refuses it."""
        with self._own, self._slots.slot():
            async with self._opening as answer:
                if isinstance(answer, UpstreamResponse):
                    await response_of(answer)(scope, receive, send)
                    return
                self.init_headers(headers_for_client(answer))
                self.body_iterator = _chunks_of(self._service, answer)
                await self._relay(scope, receive, send)

    async def _relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the stream on for as long as the caller's key counts."""
        if self._watch is None:
            await super().__call__(scope, receive, send)
            return
        is_complete = False

        async def note(message: Message) -> None:
            nonlocal is_complete
            is_complete = message["type"] == _BODY and not message.get("more_body", False)
            await send(message)

        with self._watch() as ended:
            await super().__call__(scope, _until(ended, receive), note)
            if ended.is_set() and not is_complete:
                await send({"type": _BODY, "body": b"", "more_body": False})


def _until(ended: asyncio.Event, receive: Receive) -> Receive:
    """Receive until the event is set; then it is as if the client had hung up."""

    async def receive_until() -> Message:
        hang_up = asyncio.ensure_future(receive())
        end = asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait({hang_up, end}, return_when=asyncio.FIRST_COMPLETED)
            return {"type": "http.disconnect"} if ended.is_set() else await hang_up
        finally:
            hang_up.cancel()
            end.cancel()

    return receive_until


async def _chunks_of(service: str, stream: UpstreamStream) -> AsyncIterator[bytes]:
    # Nothing yet; but a client that has asked for the head alone need not wait for an event.
    yield b""
    try:
        async for chunk in stream.chunks:
            yield chunk
    except UpstreamError as error:
        log.warning("stream.broken_off", service=service, error=str(error))
