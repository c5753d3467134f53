"""A service behind the gateway: how it is asked, and in how many ways that may fail."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from service_kit.http.client import (
    HttpClient,
    UpstreamError,
    UpstreamResponse,
    UpstreamStream,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from service_kit.http.internal_token import UNKNOWN_CALLER
from service_kit.http.problems import MEDIA_TYPE

from gateway.relay.problems import ServiceBroken, ServiceDown, ServiceSilent, why_not_ready

# A page of a hundred notifications with long timelines is well below this.
_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# Only an answer that refuses a stream is gathered; none of ours comes near this.
_MAX_REFUSAL_BYTES: Final = 65_536
# The service sends a comment far more often than this on a stream where nothing happens.
_STREAM_IDLE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service behind the gateway. `name` is what it is called in the log.

    `timeout` bounds the time until a stream begins; the client bounds that of a whole answer.
    Errors name the service and the fault: they are for the log, not for a client.
    """

    name: str
    http: HttpClient
    timeout: timedelta

    async def check(self) -> None:
        """Return if the service says that it is ready.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: it does not.
        """
        answer = await self.ask("GET", "/health/ready")
        if answer.status != 200:
            raise ServiceBroken(f"{self.name}: {why_not_ready(answer)}")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> UpstreamResponse:
        """Return the whole answer, whatever its status.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: there is none that a client can use.
        """
        try:
            answer = await self.http.request(
                method,
                path,
                query=query,
                headers=headers,
                body=body,
                max_response_bytes=_MAX_ANSWER_BYTES,
            )
        except UpstreamError as error:
            raise self._failure(error) from error
        self._refuse_useless(answer)
        return answer

    async def look(
        self, path: str, *, headers: Mapping[str, str], patience: timedelta
    ) -> UpstreamResponse:
        """Return the whole answer to a GET that may take longer than others, by `patience`.

        It keeps none of those connections from other calls that these share.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: there is none that a client can use.
        """
        opening = self.follow(path, query="", headers=headers, patience=patience)
        async with opening as answer:
            if isinstance(answer, UpstreamResponse):
                return answer
            try:
                return await _gathered(answer, _MAX_ANSWER_BYTES)
            except UpstreamError as error:
                raise self._failure(error) from error

    @asynccontextmanager
    async def follow(
        self,
        path: str,
        *,
        query: str,
        headers: Mapping[str, str],
        patience: timedelta = timedelta(0),
    ) -> AsyncIterator[UpstreamStream | UpstreamResponse]:
        """Hand over the stream as it arrives, or the answer that refuses it.

        It may begin later by `patience` than others do.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: there is none that a client can use.
        """
        async with AsyncExitStack() as stack:
            opening = self.http.stream(
                "GET", path, query=query, headers=headers, idle_timeout=_STREAM_IDLE
            )
            try:
                async with asyncio.timeout((self.timeout + patience).total_seconds()):
                    stream = await stack.enter_async_context(opening)
                refusal = (
                    None if stream.status == 200 else await _gathered(stream, _MAX_REFUSAL_BYTES)
                )
            except TimeoutError as error:
                raise ServiceSilent(f"{self.name}: the stream did not begin in time") from error
            except UpstreamError as error:
                raise self._failure(error) from error
            if refusal is None:
                yield stream
                return
            self._refuse_useless(refusal)
            yield refusal

    def _refuse_useless(self, answer: UpstreamResponse) -> None:
        if answer.status == UNKNOWN_CALLER.status and UNKNOWN_CALLER.code.encode() in answer.body:
            # Of the gateway, not of the client, whom it would lead astray.
            raise ServiceBroken(f"{self.name}: refuses the gateway; INTERNAL_TOKEN differs there")
        if answer.status >= 500 and not answer.headers.get("Content-Type", "").startswith(
            MEDIA_TYPE
        ):
            raise ServiceBroken(
                f"{self.name}: answered {answer.status}, without a problem document"
            )

    def _failure(self, error: UpstreamError) -> Exception:
        text = f"{self.name}: {error}"
        if not error.sent:
            return ServiceDown(text)
        return ServiceSilent(text) if isinstance(error, UpstreamTimeout) else ServiceBroken(text)


async def _gathered(stream: UpstreamStream, max_bytes: int) -> UpstreamResponse:
    body = bytearray()
    async for chunk in stream.chunks:
        body += chunk
        if len(body) > max_bytes:
            message = f"answered {stream.status} with too long a body"
            raise UpstreamUnavailable(message, sent=True)
    return UpstreamResponse(stream.status, stream.headers, bytes(body))
