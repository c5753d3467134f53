"""Calls one gateway: no more at once than it serves well, and again when that is safe."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

import httpx

from asyncnotify.answers import EVENT_STREAM, JsonObject, failure, read_answer
from asyncnotify.errors import AsyncNotifyError, BadSetup, Refused, UnexpectedAnswer, Unreachable
from asyncnotify.no_answer import why_no_answer
from asyncnotify.proxies import proxy_for
from asyncnotify.transport import Transport

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
SILENCE_SECONDS = 60.0
"""A stream says something every 15 s; after this long without, its connection is taken for dead."""

_PASSING = frozenset({429, 502, 503, 504})


class Gateway:
    """One gateway.

    `timeout_seconds` bounds one attempt, from connecting to the last byte; waiting for one of the
    `concurrency` turns is not part of it. A call that may be repeated is, for `retry_seconds` after
    it began, when the connection breaks or the answer is a refusal for now.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str | None,
        timeout_seconds: float,
        retry_seconds: float,
        concurrency: int,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.retry_seconds = retry_seconds
        self._timeout_seconds = timeout_seconds
        self._turns = asyncio.Semaphore(concurrency)
        url = _checked(base_url)
        self._proxy = None if transport else proxy_for(url)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=_authorization(key),
            transport=transport or Transport(httpx.create_ssl_context(), proxy=self._proxy),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections to it."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        fields: Sequence[str],
        may_repeat: bool,
        extra_seconds: float = 0.0,
        **options: Any,  # noqa: ANN401 - those of httpx
    ) -> JsonObject:
        """Make one call; return its answer, which has these `fields`.

        It may take `extra_seconds` longer than other calls.
        """
        give_up_at: float | None = None
        failures = 0
        while True:
            try:
                async with self._turns:
                    now = asyncio.get_running_loop().time()
                    give_up_at = give_up_at or now + self.retry_seconds
                    response = await self._attempt(method, path, extra_seconds, options)
                return read_answer(response, fields)
            except AsyncNotifyError as error:
                failures += 1
                pause = pause_before_retry(error, failures) if may_repeat else None
                later = asyncio.get_running_loop().time() + (pause or 0)
                if pause is None or give_up_at is None or later >= give_up_at:
                    raise
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response | None]:
        """Open a stream of events; None means that nothing more will come.

        Raises `Unreachable` also where the stream breaks off.
        """
        timeout = httpx.Timeout(self._timeout_seconds, read=SILENCE_SECONDS)
        with self._errors_translated():
            async with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code == HTTPStatus.NO_CONTENT:
                    yield None
                elif response.is_success and _is_event_stream(response):
                    yield response
                else:
                    async with asyncio.timeout(self._timeout_seconds):
                        await response.aread()
                    raise failure(response)

    async def _attempt(
        self, method: str, path: str, extra_seconds: float, options: Mapping[str, Any]
    ) -> httpx.Response:
        seconds = self._timeout_seconds + extra_seconds
        # Waiting for a turn is not part of an attempt, and nothing else waits.
        timeout = httpx.Timeout(self._timeout_seconds, read=seconds, pool=None)
        with self._errors_translated():
            async with asyncio.timeout(seconds):
                return await self._http.request(method, path, timeout=timeout, **options)

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.DecodingError as error:
            url = self._http.base_url
            raise UnexpectedAnswer(None, f"what {url} answered can't be decoded") from error
        except (httpx.RequestError, TimeoutError) as error:
            words = why_no_answer(error, self._proxy)
            raise Unreachable(f"no answer from {self._http.base_url}: {words}") from error


def pause_before_retry(error: AsyncNotifyError, failures: int) -> float | None:
    """Return how many seconds to wait after so many failures in a row; None: it won't pass."""
    if not _is_passing(error):
        return None
    longest = min(FIRST_PAUSE_SECONDS * 2.0**failures, LONGEST_PAUSE_SECONDS)
    spread = random.uniform(longest / 2, longest)  # noqa: S311 - so that not all come at once
    return spread + (getattr(error, "retry_after_seconds", None) or 0.0)


def _is_passing(error: AsyncNotifyError) -> bool:
    if isinstance(error, Refused) and error.code == "idempotency_key_in_use":
        return True  # the first attempt, whose answer was lost, is still under way
    if isinstance(error, Refused | UnexpectedAnswer):
        return error.status in _PASSING
    return isinstance(error, Unreachable)


def _is_event_stream(response: httpx.Response) -> bool:
    content_type: str = response.headers.get("Content-Type", "")
    return content_type.startswith(EVENT_STREAM)


def _checked(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise BadSetup(f"{base_url!r} is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise BadSetup(f"{base_url!r} is not the address of a gateway, as http://localhost:8000")
    return url


def _authorization(key: str | None) -> dict[str, str]:
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()) or " " in key:
        # The key itself is not said: messages are logged.
        raise BadSetup("the API key holds characters that no key has; is it cut or quoted?")
    return {"Authorization": f"Bearer {key}"}
