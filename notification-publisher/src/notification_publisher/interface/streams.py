"""Status changes as Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from notification_ledger.reading import (
    ChangesMissed,
    InvalidCursor,
    LedgerError,
    LedgerReader,
    LedgerUnavailable,
    StatusChange,
)
from pydantic_core import to_json
from service_kit.http import openapi_parts
from service_kit.http.openapi_parts import EVENT_STREAM, answer, events
from service_kit.http.problems import ProblemError
from service_kit.http.streams import TOO_MANY_STREAMS, StreamSlots
from service_kit.logs import get_logger
from starlette.types import Receive, Scope, Send

from notification_publisher.application.ports import PublisherError, UnknownNotification
from notification_publisher.application.tracking import WatchNotification, WatchNotifications
from notification_publisher.interface.parameters import EXAMPLE_TRACE_ID, TraceIdInPath
from notification_publisher.interface.problems import PROBLEMS, refusals, refused
from notification_publisher.interface.views import StatusChangeView

log = get_logger(__name__)

KEEP_ALIVE: Final = timedelta(seconds=15)
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_RETRY_HINT: Final = b"retry: 3000\n\n"
_KEEP_ALIVE_COMMENT: Final = b": keep-alive\n\n"
_MISSED: Final = b"event: missed\ndata: {}\n\n"
_STREAM: Final = events(
    "Events of the type `status`, as they happen; their data is a StatusChange. Comments keep the"
    " connection open.",
    StatusChangeView,
    "event: status\n"
    "id: 1769850000000-0\n"
    f'data: {{"trace_id":"{EXAMPLE_TRACE_ID}","user_id":"user_test","channel":"email",'
    '"status":"sent","reason":null,"at":"2026-01-31T09:00:00.123Z"}\n\n',
)
_UNAVAILABLE: Final = openapi_parts.refusals(PROBLEMS[LedgerUnavailable], TOO_MANY_STREAMS)
_HOW_TO_FOLLOW: Final = (
    " A client that loses the connection comes back with `Last-Event-ID` and misses nothing. With"
    " `curl`, use `-N`; `/docs` shows what arrives within five seconds."
)

Changes = AsyncGenerator[StatusChange, None] | AsyncGenerator[StatusChange | ChangesMissed, None]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that was seen; the stream continues after it.",
    ),
]


class Streams:
    """Answers with event streams, as many at once as there are `slots`.

    Each says something at least every `keep_alive`, so that neither proxies nor clients take it for
    dead. The kit ends them when the process stops.
    """

    def __init__(self, *, slots: StreamSlots, keep_alive: timedelta) -> None:
        self._slots = slots
        self._keep_alive_s = keep_alive.total_seconds()

    def answer(self, changes: Changes) -> Response:
        """Answer with `changes` as they happen, or refuse if there are too many streams."""
        return _SlottedResponse(self._slots, self._frames(changes))

    async def _frames(self, changes: Changes) -> AsyncGenerator[bytes, None]:
        try:
            yield _RETRY_HINT
            async with aclosing(_with_pauses(changes, self._keep_alive_s)) as events:
                async for event in events:
                    yield _frame(event)
        except (LedgerError, PublisherError) as error:
            # The client reconnects, with the id of the last event that it got.
            log.warning("stream.broken_off", error=str(error))


class _SlottedResponse(StreamingResponse):
    """A stream that holds a slot from before its first byte to after its last one."""

    def __init__(self, slots: StreamSlots, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(frames, media_type=EVENT_STREAM, headers=_HEADERS)
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slots.slot():
            await super().__call__(scope, receive, send)


def stream_routes(
    ledger: LedgerReader,
    *,
    slots: StreamSlots,
    keep_alive: timedelta = KEEP_ALIVE,
) -> APIRouter:
    """Build the routes by which status changes are followed, by one client in each of the slots."""
    router = APIRouter(tags=["notifications"], default_response_class=Response)
    watch = WatchNotification(ledger=ledger)
    watch_all = WatchNotifications(ledger=ledger)
    streams = Streams(slots=slots, keep_alive=keep_alive)

    @router.get(
        "/notifications/{trace_id}/events",
        summary="Follow a notification",
        description="Streams its present status, then each change until it has ended."
        + _HOW_TO_FOLLOW,
        responses=_STREAM
        | answer(204, "It has ended, and you have seen all its changes.")
        | refusals(UnknownNotification)
        | _UNAVAILABLE,
    )
    async def follow_notification(
        trace_id: TraceIdInPath, last_event_id: LastEventId = None
    ) -> Response:
        try:
            changes = await watch(trace_id, last_event_id)
        except InvalidCursor:
            raise _unknown_event() from None
        return Response(status_code=204) if changes is None else streams.answer(changes)

    @router.get(
        "/events",
        summary="Follow all notifications",
        description="Streams the status changes of all notifications. An event `missed` stands"
        " where some are no longer kept." + _HOW_TO_FOLLOW,
        responses=_STREAM | _UNAVAILABLE,
    )
    async def follow_all(last_event_id: LastEventId = None) -> Response:
        try:
            changes = await watch_all(last_event_id)
        except InvalidCursor:
            raise _unknown_event() from None
        return streams.answer(changes)

    return router


def _unknown_event() -> ProblemError:
    return refused("/header/last-event-id", "invalid_event_id", "is not the id of an event")


async def _with_pauses(
    changes: Changes, pause_s: float
) -> AsyncGenerator[StatusChange | ChangesMissed | None, None]:
    """Yield what comes, and None whenever nothing came for `pause_s`."""
    coming = asyncio.ensure_future(_next(changes))
    try:
        while True:
            await asyncio.wait({coming}, timeout=pause_s)
            if not coming.done():
                yield None
                continue
            change = coming.result()
            if change is None:
                return
            yield change
            coming = asyncio.ensure_future(_next(changes))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await changes.aclose()


async def _next(changes: Changes) -> StatusChange | ChangesMissed | None:
    return await anext(changes, None)


def _frame(event: StatusChange | ChangesMissed | None) -> bytes:
    match event:
        case None:
            return _KEEP_ALIVE_COMMENT
        case ChangesMissed():
            return _MISSED
        case StatusChange(id=change_id):
            return b"event: status\nid: %b\ndata: %b\n\n" % (
                change_id.encode(),
                to_json(event, exclude={"id"}),
            )
