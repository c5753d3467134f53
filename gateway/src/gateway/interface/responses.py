"""What a client gets: whole answers, and Server-Sent Events as they arrive."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from service_kit.http.streams import StreamSlots
from service_kit.logs import get_logger
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.application.ports import Answer, AnswerStream, Call, UpstreamError
from gateway.application.relay import Relay

log = get_logger(__name__)


def response_of(answer: Answer) -> Response:
    """Return an answer as the response to the client."""
    return Response(answer.body, answer.status, answer.headers)


class RelayedStream(Response):
    """A response that lasts until the service, the client or the gateway ends it.

    Whoever ends it, what the client has got is complete; it comes back with `Last-Event-ID`.
    """

    def __init__(self, relay: Relay, call: Call, slots: StreamSlots) -> None:
        super().__init__()
        self._relay = relay
        self._call = call
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the stream and pass it on, or pass on the answer that refuses it."""
        with self._slots.slot():
            await self._follow(scope, receive, send)

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._relay.listen(self._call) as answer:
            if isinstance(answer, AnswerStream):
                await _pass_on(answer, receive, send)
            else:
                await response_of(answer)(scope, receive, send)


async def _pass_on(stream: AnswerStream, receive: Receive, send: Send) -> None:
    head = Response(None, stream.status, stream.headers)
    del head.headers["content-length"]
    await send(
        {"type": "http.response.start", "status": head.status_code, "headers": head.raw_headers}
    )
    # Nothing yet; but whoever has asked for the head alone need not wait for an event.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    # The kit has the client "leave" when the process stops.
    await _until_first_of(_pump(stream, send), _client_leaves(receive))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(stream: AnswerStream, send: Send) -> None:
    try:
        async for chunk in stream.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except UpstreamError as error:
        log.warning("stream.broken_off", error=str(error))


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_first_of(*endings: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(ending) for ending in endings]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
