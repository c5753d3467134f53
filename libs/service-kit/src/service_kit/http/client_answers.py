"""How answers are read: as a whole, or as they come."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from starlette.datastructures import Headers

from service_kit.http.client_connection import RawHeaders, UpstreamConnection
from service_kit.http.client_errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable

# What a stream may be ahead of its reader.
_AHEAD_BYTES: Final = 64 * 1024
_NO_HEADERS: Final = Headers()


class WholeAnswer:
    """Reads an answer of up to `limit` bytes; `done` is set when it is here."""

    __slots__ = ("_chunks", "_connection", "_limit", "_size", "done", "headers", "status")

    def __init__(self, connection: UpstreamConnection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers = _NO_HEADERS

    @property
    def content(self) -> bytes:
        """Return the body."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def head(self, status: int, headers: RawHeaders) -> None:
        """Note the head; see `AnswerReader`."""
        self.status = status
        self.headers = Headers(raw=headers)
        for name, value in headers:
            if name == b"content-length":
                self._refuse_more_than_limit(int(value))

    def body(self, data: bytes) -> None:
        """Gather the body; see `AnswerReader`."""
        self._size += len(data)
        self._chunks.append(data)
        self._refuse_more_than_limit(self._size)

    def end(self) -> None:
        """Say that it is here; see `AnswerReader`."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: UpstreamError) -> None:
        """Say why it will not be here; see `AnswerReader`."""
        if not self.done.done():
            self.done.set_exception(error)

    def expire(self) -> None:
        """Give up: it is not here in time."""
        self._connection.fail(UpstreamTimeout("no answer in time", sent=True))

    def _refuse_more_than_limit(self, size: int) -> None:
        if size > self._limit:
            message = f"the answer has more than {self._limit} bytes"
            self._connection.fail(UpstreamUnavailable(message, sent=True))


class StreamedAnswer:
    """Reads an answer as it comes; never much further than its reader."""

    def __init__(self, connection: UpstreamConnection, idle_timeout: timedelta) -> None:
        self._connection = connection
        self._idle_seconds = idle_timeout.total_seconds()
        self._came = asyncio.Event()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._is_paused = False
        self._has_ended = False
        self._error: UpstreamError | None = None
        self.status = 0
        self.headers = _NO_HEADERS

    async def until_head(self) -> None:
        """Wait for status and headers.

        Raises:
            UpstreamError: they do not come.
        """
        while not self.status:
            await self._wait()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give what comes, until the end.

        Raises:
            UpstreamError: it breaks off, or nothing comes for too long.
        """
        while self._chunks or not self._has_ended:
            if not self._chunks:
                await self._wait()
                continue
            content = b"".join(self._chunks)
            self._chunks.clear()
            self._size = 0
            if self._is_paused:
                self._is_paused = False
                self._connection.resume()
            yield content

    def head(self, status: int, headers: RawHeaders) -> None:
        """Note the head; see `AnswerReader`."""
        self.status = status
        self.headers = Headers(raw=headers)
        self._came.set()

    def body(self, data: bytes) -> None:
        """Keep a piece; see `AnswerReader`."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _AHEAD_BYTES and not self._is_paused:
            self._is_paused = True
            self._connection.pause()
        self._came.set()

    def end(self) -> None:
        """Note the end; see `AnswerReader`."""
        self._has_ended = True
        self._came.set()

    def fail(self, error: UpstreamError) -> None:
        """Note that no more will come; see `AnswerReader`."""
        self._error = error
        self._came.set()

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._came.clear()
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._came.wait()
        except TimeoutError as error:
            raise UpstreamTimeout("nothing comes", sent=True) from error
