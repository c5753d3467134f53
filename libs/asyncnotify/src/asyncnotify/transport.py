"""HTTP by httpx, with a pool of one connection for each call that is under way.

In a pool of many connections httpx looks through all of them, and all waiting calls, for each call
that begins or ends. See docs/decisions/0013-http-client-of-the-client.md.
"""

import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, cast

import httpx

# Below what servers keep idle connections for, so that we rarely write to one that is closing.
_KEEP_IDLE_SECONDS: Final = 30.0
_ONE: Final = httpx.Limits(
    max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_IDLE_SECONDS
)


class Transport(httpx.AsyncBaseTransport):
    """Sends each call over a connection that no other call uses at the same time.

    It opens as many connections as there are calls at once: the caller bounds them.
    """

    def __init__(self, tls: ssl.SSLContext, *, proxy: str | None = None) -> None:
        self._tls = tls
        self._proxy = httpx.Proxy(proxy) if proxy else None
        # The one that was used last is used first, so that those at the front grow old.
        self._idle: deque[tuple[float, httpx.AsyncHTTPTransport]] = deque()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read as it comes."""
        connection = self._idle.pop()[1] if self._idle else self._new_connection()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await connection.aclose()
            raise
        body = cast("httpx.AsyncByteStream", response.stream)
        response.stream = _Body(body, lambda: self._release(connection))
        return response

    async def aclose(self) -> None:
        """Close all idle connections."""
        while self._idle:
            await self._idle.pop()[1].aclose()

    def _new_connection(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(
            verify=self._tls, proxy=self._proxy, trust_env=False, limits=_ONE
        )

    async def _release(self, connection: httpx.AsyncHTTPTransport) -> None:
        now = time.monotonic()
        self._idle.append((now, connection))
        while self._idle and self._idle[0][0] < now - _KEEP_IDLE_SECONDS:
            await self._idle.popleft()[1].aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: httpx.AsyncByteStream, release: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._release = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk

    async def aclose(self) -> None:
        # What was not read to its end closes the connection.
        await self._body.aclose()
        await self._release()
