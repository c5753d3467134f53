"""Calls of a whole system that are made again while it says that it can't answer yet.

Where a machine stands still for longer than a service waits for its broker, that service says 503,
and a client tries again. Tests that are not about this do so, too.
"""

import asyncio
import secrets
import time
from collections.abc import MutableMapping
from typing import Final

import aiohttp
import httpx

_LONGEST_S: Final = 60
_PAUSE_S: Final = 0.2
_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})


class _Patience:
    """Says whether one call is made again; what it accepts it accepts once, under a key."""

    def __init__(self, method: str, path: str, headers: MutableMapping[str, str]) -> None:
        self._is_keyed = (method, path) == ("POST", "/notifications")
        self._is_repeatable = self._is_keyed or method in _REPEATABLE
        self._until = time.monotonic() + _LONGEST_S
        if self._is_keyed:
            headers.setdefault("Idempotency-Key", secrets.token_hex(8))

    def lasts(self, status: int) -> bool:
        # Of those with a key, the one before may still be under way: 409.
        is_passing = status == 503 or (self._is_keyed and status == 409)
        return self._is_repeatable and is_passing and time.monotonic() < self._until


class PatientTransport(httpx.BaseTransport):
    """For an `httpx.Client`."""

    def __init__(self) -> None:
        self._transport = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Call until the answer is another than 503."""
        patience = _Patience(request.method, request.url.path, request.headers)
        while patience.lasts((answer := self._transport.handle_request(request)).status_code):
            answer.close()
            time.sleep(_PAUSE_S)
        return answer

    def close(self) -> None:
        """Close its connections."""
        self._transport.close()


class AsyncPatientTransport(httpx.AsyncBaseTransport):
    """For an `httpx.AsyncClient`, around the transport that it would have."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call until the answer is another than 503."""
        patience = _Patience(request.method, request.url.path, request.headers)
        while patience.lasts(
            (answer := await self._transport.handle_async_request(request)).status_code
        ):
            await answer.aclose()
            await asyncio.sleep(_PAUSE_S)
        return answer

    async def aclose(self) -> None:
        """Close its connections."""
        await self._transport.aclose()


def patient_client(url: str) -> httpx.Client:
    """Return a client of the system at this URL."""
    return httpx.Client(base_url=url, trust_env=False, timeout=60, transport=PatientTransport())


async def patient(
    request: aiohttp.ClientRequest, call: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Call until the answer is another than 503: a middleware for an `aiohttp.ClientSession`."""
    patience = _Patience(request.method, request.url.path, request.headers)
    while patience.lasts((answer := await call(request)).status):
        answer.release()
        await asyncio.sleep(_PAUSE_S)
    return answer
