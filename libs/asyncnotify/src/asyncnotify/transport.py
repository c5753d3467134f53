"""HTTP by aiohttp, underneath httpx: an order of magnitude less work for each call.

httpx and httpcore look through all connections and all waiting calls for each call that begins or
ends. See docs/decisions/0013-http-client-of-the-client.md.
"""

import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import httpx
from yarl import URL

# Below what servers keep idle connections for, so that we rarely write to one that is closing.
_KEEP_IDLE_SECONDS = 30
_DNS_TTL_SECONDS = 10
# httpx has set the headers already.
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends what httpx asks for, to the letter: no redirects, no cookies.

    It opens as many connections as there are calls at once: whoever calls bounds them.
    """

    def __init__(self, tls: ssl.SSLContext, *, proxy: str | None = None) -> None:
        self._tls = tls
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read as it comes."""
        session = self._session = self._session or _open_session(self._tls)
        timeout = request.extensions.get("timeout", {})
        with _httpx_errors():
            response = await session.request(
                request.method,
                # Not as text: yarl would tidy the path up, and make `/users/%2E%2E` of `/`.
                URL(str(request.url), encoded=True),
                headers=[(name, value) for name, value in request.headers.multi_items()],
                data=await request.aread() or None,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(
                    sock_connect=timeout.get("connect"),
                    sock_read=timeout.get("read"),
                    ceil_threshold=3600,
                ),
            )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response),
            extensions={"reason_phrase": (response.reason or "").encode()},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # Gives the connection back if all was read; closes it otherwise.
        self._response.release() if self._response.content.at_eof() else self._response.close()


def _open_session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            ssl=tls,
            keepalive_timeout=_KEEP_IDLE_SECONDS,
            ttl_dns_cache=_DNS_TTL_SECONDS,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_NOT_ADDED,
    )


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout("not connected in time") from error
    except TimeoutError as error:
        raise httpx.ReadTimeout("no answer in time") from error
    except aiohttp.ClientProxyConnectionError as error:
        words = _why_not_connected(error.os_error)
        raise httpx.ConnectError(f"proxy {error.host}:{error.port}: {words}") from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(_why_not_connected(error.os_error)) from error
    except aiohttp.ClientHttpProxyError as error:
        raise httpx.ConnectError(f"the proxy refused: {error.status} {error.message}") from error
    except aiohttp.ClientResponseError as error:
        raise httpx.ReadError("what it says is not HTTP") from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError("the connection broke off") from error


def _why_not_connected(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, socket.gaierror):
        return f"its name was not found ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection ({error.reason})"
    return f"no connection ({os.strerror(error.errno) if error.errno else error})"
