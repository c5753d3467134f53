"""Event streams on their way, for as long as both ends want."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from service_kit.http.client import UpstreamError, UpstreamResponse, UpstreamStream
from service_kit.http.streams import StreamSlots
from service_kit.logs import get_logger
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.relay.answers import response_of
from gateway.relay.headers import headers_for_client

log = get_logger(__name__)

Opening = AbstractAsyncContextManager[UpstreamStream | UpstreamResponse]


class RelayedStream(StreamingResponse):
    """A response that lasts until the service, the client or the gateway ends it.

    In each case what the client has got is complete; it comes back with `Last-Event-ID`.
    """

    def __init__(self, service: str, opening: Opening, slots: StreamSlots) -> None:
        super().__init__(())
        self._service = service
        self._opening = opening
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the stream and pass it on, or pass on the answer that refuses it."""
        with self._slots.slot():
            async with self._opening as answer:
                if isinstance(answer, UpstreamResponse):
                    await response_of(answer)(scope, receive, send)
                    return
                self.init_headers(headers_for_client(answer))
                self.body_iterator = _chunks_of(self._service, answer)
                await super().__call__(scope, receive, send)


async def _chunks_of(service: str, stream: UpstreamStream) -> AsyncIterator[bytes]:
    # Nothing yet; but a client that has asked for the head alone need not wait for an event.
    yield b""
    try:
        async for chunk in stream.chunks:
            yield chunk
    except UpstreamError as error:
        log.warning("stream.broken_off", service=service, error=str(error))
