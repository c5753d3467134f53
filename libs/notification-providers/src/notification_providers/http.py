"""Calls of providers that speak HTTP: one call, no repetition, and every failure with its phase."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, StreamReset
from notification_contracts.states import Reason

from notification_providers.guard import AddressGuard, ForbiddenAddress, GuardedBackend
from notification_providers.port import (
    FaultSide,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=64)
# One connection carries all: it is kept for as long as no router on the way forgets it.
_HTTP2_LIMITS: Final = httpx.Limits(max_connections=None, keepalive_expiry=60)
# What is cancelled leaves its connection as it is: open before TLS is agreed, and on HTTP/2 in use,
# however dead it is. What times out in httpx ends it, for all who wait on it: so that comes first.
_SILENCE: Final = 0.9
HttpFailure = TransientFailure | PermanentFailure | UncertainFailure
"""What becomes of a call that is not answered."""

MAX_ANSWER_BYTES: Final = 256 << 10
_UNCOMPRESSED: Final = {"accept-encoding": "identity"}
LONGEST_RETRY_AFTER: Final = timedelta(days=365)

_CLOSED: Final = TransientFailure(
    reason=Reason.PROVIDER_UNAVAILABLE, detail="not sent: the connection was closed"
)

# Nothing of the request has left when one of these is raised.
_NOTHING_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A provider's answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """True for every 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what the body holds; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def retry_after(self, now: datetime) -> timedelta | None:
        """Return how long the provider asks for no further call, in seconds or as a date."""
        return read_retry_after(self.headers.get("retry-after"), now)


@dataclass(slots=True)
class _Progress:
    """Hears from httpcore how far a call got. Without its end, no server takes a call."""

    has_headers: bool = False
    has_body: bool = False

    async def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        """Hear of one step."""
        if event.endswith("send_request_headers.complete"):
            self.has_headers = True
        elif event.endswith("send_request_body.complete"):
            self.has_body = True

    def is_sent(self, error: Exception) -> bool:
        """Tell whether the server may have all of it. What a write fails on was not written."""
        return self.has_body or (self.has_headers and not isinstance(error, httpx.WriteError))


@dataclass(slots=True, kw_only=True)
class HttpCaller:
    """Makes calls, with kept connections. It connects when it is first used.

    It follows no redirect and repeats nothing. A call may take as long as its caller waits, or up
    to `timeout`. `ca_file` holds the certificates to trust instead of the
    usual ones. With a `guard` it connects only to what that permits, and through no proxy.
    """

    is_http2: bool = False
    ca_file: str | None = None
    timeout: timedelta | None = None
    guard: AddressGuard | None = None
    transport: httpx.AsyncBaseTransport | None = None
    _client: httpx.AsyncClient | None = field(default=None, init=False)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer | HttpFailure:
        """Make one call. A failure before anything was sent is transient, any other uncertain.

        What the guard forbids, and what is no URL, is a permanent failure of the recipient. When a
        kept connection turns out to be closed before all was sent, a new one is made, once.
        """
        asked = (method, url, headers, body)
        return await self._call(*asked) or await self._call(*asked) or _CLOSED

    async def _call(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> HttpAnswer | HttpFailure | None:
        """Make one call; None if its connection was closed before all was sent."""
        # A transport of the caller's own may tell nothing of its progress.
        tells_nothing = self.transport is not None
        progress = _Progress(has_headers=tells_nothing, has_body=tells_nothing)
        client = self._opened()  # before the clock runs: reading the certificates takes a while
        try:
            async with (
                asyncio.timeout(self.timeout.total_seconds() if self.timeout else None),
                client.stream(
                    method, url, headers=headers, content=body, extensions={"trace": progress}
                ) as response,
            ):
                answer = await _read(response)
        except (httpx.InvalidURL, httpx.HTTPError, TimeoutError) as error:
            is_sent = progress.is_sent(error) or not body
            if not is_sent and isinstance(error, httpx.WriteError):
                return None
            return _failure(error, is_sent=is_sent)
        return HttpAnswer(status=response.status_code, headers=dict(response.headers), body=answer)

    async def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            silence = self.timeout.total_seconds() * _SILENCE if self.timeout else None
            self._client = httpx.AsyncClient(
                headers=_UNCOMPRESSED,
                http2=self.is_http2,
                verify=self._trusted(),
                timeout=httpx.Timeout(None, connect=silence, read=silence),
                follow_redirects=False,
                limits=_HTTP2_LIMITS if self.is_http2 else _LIMITS,
                transport=self.transport or self._guarded(),
            )
        return self._client

    def _trusted(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True

    def _guarded(self) -> httpx.AsyncBaseTransport | None:
        if self.guard is None:
            return None
        transport = httpx.AsyncHTTPTransport(
            http2=self.is_http2, verify=self._trusted(), limits=_LIMITS
        )
        # httpx takes no backend, though the pool that it makes does.
        transport._pool._network_backend = GuardedBackend(self.guard)  # noqa: SLF001
        return transport


async def _read(response: httpx.Response) -> bytes:
    """Read an answer's body, up to the limit: what is beyond it is no answer of a provider.

    It is taken as it comes: one that is compressed, though nobody asked for that, may be small
    here and gigabytes once it is unpacked.
    """
    response.headers.pop("content-encoding", None)
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            break
    return b"".join(parts)[:MAX_ANSWER_BYTES]


def _failure(error: Exception, *, is_sent: bool) -> HttpFailure:
    """Return what became of a call that is not answered: by how far it got."""
    match error:
        case httpx.InvalidURL():
            return _no_such_url("it is no URL")
        case httpx.ConnectError() if isinstance(error.__cause__, ForbiddenAddress):
            return _no_such_url(str(error))
        case TimeoutError() | httpx.ReadTimeout() if is_sent:
            return UncertainFailure(detail="no answer in time")
    if isinstance(error, _NOTHING_SENT):
        detail = f"not connected: {_words(error)}"
    elif _is_untaken(error):
        detail = "the server took no more calls on this connection"
    elif not is_sent:
        detail = f"not sent: {_words(error)}"
    else:
        return UncertainFailure(detail=f"no answer: {_words(error)}")
    return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)


def _is_untaken(error: Exception) -> bool:
    """Tell whether an HTTP/2 server said that it has not begun to work on a call.

    Source: RFC 9113, section 8.7.
    """
    cause = error.__cause__
    match cause.args[0] if cause is not None and cause.args else None:
        case StreamReset(error_code=ErrorCodes.REFUSED_STREAM):
            return True
        case ConnectionTerminated(last_stream_id=0):
            return True
    return False


def _no_such_url(detail: str) -> PermanentFailure:
    return PermanentFailure(reason=Reason.INVALID_ADDRESS, detail=detail, fault=FaultSide.RECIPIENT)


def _words(error: Exception) -> str:
    if isinstance(error, httpx.LocalProtocolError):
        return (
            "the request breaks the rules of HTTP"  # its own words quote headers, with their keys
        )
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Return the time that a `Retry-After` header asks for; None if it asks for none.

    Source: RFC 9110, section 10.2.3.
    """
    if text is None:
        return None
    try:
        asked = timedelta(seconds=float(text))
    except OverflowError:
        return LONGEST_RETRY_AFTER
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        asked = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(asked, timedelta(0)), LONGEST_RETRY_AFTER)
