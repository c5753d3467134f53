"""Why there was no answer, in plain words instead of those of httpx."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx


def why_no_answer(error: httpx.RequestError | TimeoutError, proxy: str | None) -> str:
    """Return the reason; `proxy` is the one that the call went through."""
    if isinstance(error, httpx.ConnectError):
        return _why_not_connected(error, proxy)
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused: {error}"
    if isinstance(error, httpx.ConnectTimeout):
        return "not connected in time"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    if isinstance(error, httpx.RemoteProtocolError) and not _is_cut_off(error):
        return "its answer is not HTTP"
    return "the connection broke off" if isinstance(error, httpx.TransportError) else str(error)


def _is_cut_off(error: httpx.RemoteProtocolError) -> bool:
    # An end in the middle is an error of this kind, too; only the text tells one from the other.
    return any(word in str(error) for word in ("closed", "disconnected"))


def _why_not_connected(error: httpx.ConnectError, proxy: str | None) -> str:
    where = f"proxy {httpx.URL(proxy).host}: " if proxy else ""
    words = f"{where}no connection"
    for cause in _causes(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return f"no TLS connection ({cause.reason})"
            case ConnectionRefusedError():
                return f"{where}nothing listens there"
            case socket.gaierror():
                return f"{where}its name was not found ({cause.strerror})"
            case OSError(errno=int(number)):
                words = f"{where}no connection ({os.strerror(number)})"
    return words


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # A name may have several addresses, and an error for each: the first one stands for all.
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__
