"""Which headers pass the gateway, in either direction."""

from collections.abc import Callable, Mapping
from typing import Final

from service_kit.http.client import UpstreamResponse, UpstreamStream
from service_kit.http.requests import request_id_of
from starlette.requests import Request

from gateway.relay.callers import caller_of, headers_about

# What is not named here does not pass: hop-by-hop headers, cookies, what a proxy is said to add.
REQUEST_HEADERS: Final = frozenset({"accept", "idempotency-key", "last-event-id"})
ANSWER_HEADERS: Final = frozenset(
    {
        "allow",
        "cache-control",
        "content-type",
        "idempotent-replayed",
        "location",
        "retry-after",
        "x-accel-buffering",
    }
)
# On every answer: nothing of ours is another type than it says, or part of another site's page.
SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# RFC 9110, 7.6.1, and what the next connection has of its own.
_OF_THIS_CONNECTION: Final = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "cookie", "accept-encoding"),
    }
)
# What the gateway itself tells the services: from a client it would be a lie.
_OF_THE_GATEWAY: Final = frozenset({"x-internal-token", "x-key-id", "x-key-kind"})
_PASSED: Final = {name.encode(): name for name in REQUEST_HEADERS}


def headers_for_service(request: Request) -> dict[str, str]:
    """Give what passes of a request's headers."""
    return _passed(request, _PASSED.get)


def plain_headers_for_service(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Give what passes of a request's headers, none of which came twice."""
    return {
        name: headers[raw_name].decode("latin-1")
        for raw_name, name in _PASSED.items()
        if raw_name in headers
    }


def headers_as_they_are(request: Request) -> dict[str, str]:
    """Give all of a request's headers but those of the connection, and of the gateway itself."""
    return _passed(request, _unless_of_this_connection)


def _passed(request: Request, name_of: Callable[[bytes], str | None]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        if name := name_of(raw_name):
            value = raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    headers["x-request-id"] = request_id_of(request)
    if caller := caller_of(request):
        headers.update(headers_about(caller))
    return headers


def _unless_of_this_connection(raw_name: bytes) -> str | None:
    name = raw_name.decode("latin-1")
    return None if name in _OF_THIS_CONNECTION or name in _OF_THE_GATEWAY else name


def headers_for_client(answer: UpstreamResponse | UpstreamStream) -> dict[str, str]:
    """Give what passes of an answer's headers."""
    return {
        passed: value
        for name, value in answer.headers.items()
        if (passed := name.lower()) in ANSWER_HEADERS
    }
