"""Services behind the gateway, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from service_kit.http.client import HttpClient, UpstreamStream
from service_kit.http.client import UpstreamError as HttpError
from service_kit.http.client import UpstreamTimeout as HttpTimeout

from gateway.application.ports import (
    Answer,
    AnswerStream,
    Call,
    UpstreamBroken,
    UpstreamDown,
    UpstreamError,
    UpstreamSilent,
)

# A page of a hundred notifications with long timelines is well below this.
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# The service sends a comment far more often than this on a stream where nothing happens.
STREAM_IDLE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUpstream:
    """A service that is reached over HTTP. `name` is what it is called in logs.

    `timeout` bounds the time until a stream begins; the client bounds that of a whole answer.
    """

    name: str
    http: HttpClient
    timeout: timedelta

    async def ask(self, call: Call) -> Answer:
        """Return the whole answer; see `Upstream`."""
        try:
            response = await self.http.request(
                call.method,
                call.path,
                query=call.query,
                headers=call.headers,
                body=call.body,
                max_response_bytes=MAX_ANSWER_BYTES,
            )
        except HttpError as error:
            raise self._fault(error) from error
        return Answer(
            status=response.status,
            headers=_plain(response.headers),
            body=response.body,
            is_repeat=response.is_repeat,
        )

    @asynccontextmanager
    async def listen(self, call: Call) -> AsyncIterator[AnswerStream]:
        """Hand over the answer as it arrives; see `Upstream`."""
        async with AsyncExitStack() as stack:
            stream = await self._opened(stack, call)
            yield AnswerStream(
                status=stream.status,
                headers=_plain(stream.headers),
                chunks=self._chunks(stream.chunks),
            )

    async def check(self) -> None:
        """Ask the service whether it is ready; see `Upstream`."""
        answer = await self.ask(Call(method="GET", path="/health/ready"))
        if answer.status != 200:
            raise UpstreamBroken(f"{self.name}: not ready, it answered {answer.status}")

    async def _opened(self, stack: AsyncExitStack, call: Call) -> UpstreamStream:
        stream = self.http.stream(
            call.method,
            call.path,
            query=call.query,
            headers=call.headers,
            idle_timeout=STREAM_IDLE,
        )
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await stack.enter_async_context(stream)
        except TimeoutError as error:
            raise UpstreamSilent(f"{self.name}: the stream did not begin in time") from error
        except HttpError as error:
            raise self._fault(error) from error

    async def _chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield chunk
        except HttpError as error:
            raise self._fault(error) from error

    def _fault(self, error: HttpError) -> UpstreamError:
        text = f"{self.name}: {error}"
        if not error.sent:
            return UpstreamDown(text)
        return UpstreamSilent(text) if isinstance(error, HttpTimeout) else UpstreamBroken(text)


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): _latin(value) for name, value in headers.items()}


def _latin(value: str) -> str:
    # Headers are read as UTF-8 and written as Latin-1; what counts is that the bytes stay the same.
    return value if value.isascii() else value.encode(errors="surrogateescape").decode("latin-1")
