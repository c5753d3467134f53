"""The wire's part of the hot road: a plain request never becomes one of the framework's."""

import asyncio
from collections.abc import Awaitable
from functools import lru_cache
from typing import ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service_kit.http.connections import ON_RESERVE
from service_kit.http.hot import HotAnswer, HotCalls, HotRequest, header_lines
from service_kit.http.requests import CLIENT_GONE

_NOBODY_WAITS: Final = asyncio.Event()


class _ComingAnswer:
    """Stands where uvicorn has its own cycle of a request and its answer."""

    __slots__ = ("disconnected", "keep_alive", "response_complete", "task")

    message_event = _NOBODY_WAITS

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.task: asyncio.Task[None] | None = None
        self.response_complete = self.disconnected = False

    @property
    def response_started(self) -> bool:
        """Tell whether some of it is written: it is written at once."""
        return self.response_complete

    def as_bytes(self, answer: HotAnswer, default_lines: bytes) -> bytes:
        """Return what is written."""
        close = b"" if self.keep_alive else b"connection: close\r\n"
        status = STATUS_LINE[answer.status]
        size = b"content-length: %d\r\n\r\n" % len(answer.body)
        return b"".join((status, default_lines, answer.head, close, size, answer.body))


class HotProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which asks `hot_calls` first."""

    hot_calls: ClassVar[HotCalls | None] = None

    is_on_reserve = False
    """Whether the connection is beyond the limit: then it is for what operators ask."""
    _hot: HotRequest | None = None

    def on_message_begin(self) -> None:
        """Note what uvicorn's parts for a head need; the rest only the general road needs."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Choose the road."""
        self._hot = self._plain_request()
        if self._hot is None:
            self._go_the_general_road()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._hot is None:
            super().on_body(body)
        else:
            self._hot.body += body

    def on_message_complete(self) -> None:
        """Serve a plain request, unless its call leaves it to the general road."""
        request, self._hot = self._hot, None
        if request is None:
            super().on_message_complete()
        elif not self._take_on(request):
            self._hand_over(request)
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a request that never came to its end."""
        if self._hot is not None and self.hot_calls is not None:
            self.hot_calls.note(self._hot, CLIENT_GONE)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish what is running: the general road knows how to wait for the rest of a body."""
        request, self._hot = self._hot, None
        if request is not None:
            self._hand_over(request)
        super().shutdown()

    def _hand_over(self, request: HotRequest) -> None:
        self._go_the_general_road()
        super().on_body(request.body)

    def _go_the_general_road(self) -> None:
        url, headers, expects_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects_continue
        self.headers += headers
        if self.is_on_reserve:
            self.scope["state"][ON_RESERVE] = True
        super().on_headers_complete()

    def _plain_request(self) -> HotRequest | None:
        if self.hot_calls is None or self.is_on_reserve or self.flow.write_paused:
            return None
        # Requests that come before the answer to the one before have to wait for it.
        if self._is_answering() or self.pipeline:
            return None
        if self.parser.get_http_version() != "1.1":
            return None
        return self.hot_calls.plain_request(self.parser.get_method(), self.url, self.headers)

    def _is_answering(self) -> bool:
        # There is none before the first request, whatever its annotation says.
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
        return cycle is not None and not cycle.response_complete

    def _take_on(self, request: HotRequest) -> bool:
        assert self.hot_calls is not None  # noqa: S101 - the request is one of theirs
        work = self.hot_calls.take_on(request)
        if work is None:
            return False
        coming = _ComingAnswer(keep_alive=self.parser.should_keep_alive())
        self.cycle = coming  # type: ignore[assignment] # has what uvicorn asks of it
        answering = self.hot_calls.answer(request, work)
        coming.task = self.loop.create_task(self._answer(coming, answering))
        self.tasks.add(coming.task)
        return True

    async def _answer(self, coming: _ComingAnswer, answering: Awaitable[HotAnswer]) -> None:
        try:
            answer = await answering
        except BaseException:  # it is cancelled: the server has stopped waiting
            self.transport.close()
            raise
        finally:
            # Not by a callback of the task: the loop would have one more thing to do for each.
            self.tasks.discard(cast("asyncio.Task[None]", coming.task))
        coming.response_complete = True
        if self.transport.is_closing():
            return
        default_lines = _lines_once(tuple(self.server_state.default_headers))
        self.transport.write(coming.as_bytes(answer, default_lines))
        if not coming.keep_alive:
            self.transport.close()
        self.on_response_complete()


_lines_once = lru_cache(maxsize=2)(header_lines)
