"""The outermost middleware: request ids, the body limit, access lines, metrics, and crashes.

It is on the path of every request, so it is plain ASGI, keeps its state in one slotted object per
request, and looks at each header once.
"""

import re
from time import perf_counter
from uuid import uuid4

from fastapi import Request
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from service_kit.http.problems import BODY_TOO_LARGE, INTERNAL_ERROR, Problem, problem_response
from service_kit.logs import get_logger
from service_kit.metrics import HttpMetrics

log = get_logger(__name__)

INVALID_LENGTH = Problem(400, "invalid_content_length", "Content-Length is not a number")
CLIENT_GONE = 499  # what nginx logs when the client hangs up before it is answered

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_QUIET = ("/health/", "/metrics")
_MAX_LOGGED_PATH_CHARS = 256


def request_id_of(request: Request) -> str:
    """Give the id under which this request is logged and answered."""
    request_id: str = request.state.request_id
    return request_id


class BodyTooLarge(HTTPException):
    """Raised out of `receive` when more bytes arrive than the app takes.

    It is an `HTTPException` because the framework's own body parsing lets only those through.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(BODY_TOO_LARGE.status, f"At most {limit} bytes are accepted.")


class RequestContext:
    """ASGI middleware that gives each request an id, a bound on its body, a log line and metrics.

    A well-formed `X-Request-ID` is taken over, any other is replaced; it is in
    `scope["state"]["request_id"]`, in the log context and in the answer's header. A body above
    `max_body_bytes` is answered with 413, whatever `Content-Length` claims. A crash is logged once,
    with its traceback, and answered with an opaque 500.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        max_body_bytes: int | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._metrics = HttpMetrics(registry or CollectorRegistry(), service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        exchange = _Exchange(scope, receive, send, self._max_body_bytes)
        # A trace id that a handler binds stays for the access line, and is unbound with it.
        tokens = bind_contextvars(request_id=exchange.request_id, trace_id=...)
        try:
            await self._serve(exchange)
        finally:
            self._note(exchange, perf_counter() - started)
            reset_contextvars(**tokens)

    async def _serve(self, exchange: "_Exchange") -> None:
        refusal = exchange.refusal()
        if refusal is not None:
            await exchange.refuse(*refusal)
            return
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except BodyTooLarge as error:
            await exchange.refuse(BODY_TOO_LARGE, error.detail)
        except ClientDisconnect:
            return
        except Exception as error:
            log.exception("request.crashed", error=type(error).__name__)
            await exchange.refuse(INTERNAL_ERROR)

    def _note(self, exchange: "_Exchange", seconds: float) -> None:
        scope = exchange.scope
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = exchange.status or CLIENT_GONE
        self._metrics.observe(method, _route_of(scope), status, seconds)
        path: str = (scope.get("raw_path") or b"").decode("latin-1") or scope["path"]
        write = log.debug if path.startswith(_QUIET) else log.info
        write(
            "request.served",
            method=method,
            path=path[:_MAX_LOGGED_PATH_CHARS],
            status=status,
            duration_ms=round(seconds * 1000, 2),
        )


class _Exchange:
    """One request and its answer, on their way through."""

    __slots__ = (
        "_declared",
        "_expects_continue",
        "_limit",
        "_receive",
        "_received",
        "_send",
        "request_id",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int | None) -> None:
        self.scope = scope
        self.status = 0
        self._receive = receive
        self._send = send
        self._limit = limit
        self._received = 0
        self._declared: bytes | None = None
        self._expects_continue = False
        given = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value
            elif name == b"content-length":
                self._declared = value
            elif name == b"expect":
                self._expects_continue = True
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.request_id

    def refusal(self) -> tuple[Problem, str | None] | None:
        """Say why this request can be refused by its headers alone."""
        if self._declared is None:
            return None
        if not self._declared.isdigit():
            return INVALID_LENGTH, None
        if self._limit is not None and int(self._declared) > self._limit:
            return BODY_TOO_LARGE, BodyTooLarge(self._limit).detail
        return None

    async def receive(self) -> Message:
        message = await self._receive()
        if self._limit is not None and message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                raise BodyTooLarge(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A relayed answer brings the same id from the service behind us.
            headers = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
            headers.append((b"x-request-id", self.request_id.encode()))
            message["headers"] = headers
        await self._send(message)

    async def refuse(self, problem: Problem, detail: str | None = None) -> None:
        """Answer with a problem, unless an answer has begun; then the server cuts it off."""
        if self.status:
            return
        # A client that waits for "100 Continue" may or may not send its body after a refusal; only
        # a closed connection is clear. Any other body is read to its end and dropped by the server.
        headers = [("Connection", "close")] if self._expects_continue else []
        response = problem_response(
            problem, detail=detail, request_id=self.request_id, headers=headers
        )
        await response(self.scope, self.receive, self.send)


def _route_of(scope: Scope) -> str:
    """Give the template of the route that matched, so that ids don't become metric labels."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    template = getattr(included, "path_format", None) or getattr(scope.get("route"), "path", None)
    if template is not None:
        return str(template)
    if "endpoint" in scope and not scope.get("path_params"):
        return str(scope["path"])
    return "unmatched"
