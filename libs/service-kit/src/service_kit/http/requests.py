"""The outermost middleware: request ids, the body limit, access lines, metrics, and crashes.

It is on the path of every request, so it is plain ASGI, keeps its state in one slotted object per
request, and looks at each header once.
"""

from time import perf_counter
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from service_kit.http.admission import Admission
from service_kit.http.exchange import BodyTooLarge, Exchange, Headers
from service_kit.http.problems import BODY_TOO_LARGE, INTERNAL_ERROR
from service_kit.lifecycle import Stopping
from service_kit.logs import PreparedLine, get_logger
from service_kit.metrics import HttpMetrics

log = get_logger(__name__)

CLIENT_GONE: Final = 499  # what nginx logs when the client hangs up before it is answered

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_QUIET = ("/health/", "/metrics", "/pipeline", "/providers")  # asked again and again
_READING = frozenset({"GET", "HEAD"})
_MAX_LOGGED_PATH_CHARS = 256
_PERSONAL = "{address"  # a route's parameter that no log may hold
_LINE = "line"
_ALSO = "also"
_NOTHING: dict[str, object] = {}
SERVED: Final = "request.served"
_SERVED: tuple[str, dict[str, object]] = (SERVED, {})


def request_id_of(request: Request) -> str:
    """Give the id under which this request is logged and answered."""
    # Not `request.state`, which is built anew for each request: two microseconds.
    request_id: str = request.scope["state"]["request_id"]
    return request_id


def log_request_as(request: Request, event: str, **fields: object) -> None:
    """Let the request's one line say what was done: `event` with `fields`, not `request.served`.

    For hot routes: a line of its own for what was done costs as much as doing it.
    """
    request.scope["state"][_LINE] = (event, fields)


def log_also(scope: Scope, **fields: object) -> None:
    """Let the request's one line have these fields, too."""
    scope["state"][_ALSO] = fields


def log_crash(error: Exception) -> None:
    """Log the error that is being handled: nothing answers it but an opaque 500."""
    log.exception("request.crashed", error=type(error).__name__)


def request_line(event: str) -> PreparedLine:
    """Return what writes the one line of a request of which `event` says what was done."""
    return PreparedLine(__name__, event)


class RequestContext:
    """ASGI middleware that gives each request an id, a bound on its body, a log line and metrics.

    A well-formed `X-Request-ID` is taken over, any other is replaced; it is in
    `scope["state"]["request_id"]`, in the log context and in the answer's header. What `admission`
    refuses reaches nothing; a body above its limit is answered with 413, whatever `Content-Length`
    claims. A crash is logged once,
    with its traceback, and answered with an opaque 500. HEAD is answered wherever GET is. Event
    streams end when `stopping` is set.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: HttpMetrics,
        admission: Admission | None = None,
        stopping: Stopping | None = None,
        answer_headers: Headers = (),
    ) -> None:
        self._app = app
        self._admission = admission or Admission()
        self._metrics = metrics
        self._stopping = stopping or Stopping()
        self._answer_headers = answer_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        limit = self._admission.max_body_bytes
        exchange = Exchange(scope, receive, send, limit, self._stopping, self._answer_headers)
        # A trace id that a handler binds stays for the access line, and is unbound with it.
        tokens = bind_contextvars(request_id=exchange.request_id, trace_id=...)
        try:
            await self._serve(exchange)
        finally:
            self._note(exchange, perf_counter() - started)
            reset_contextvars(**tokens)

    async def _serve(self, exchange: Exchange) -> None:
        refusal = self._admission.refusal(exchange)
        if refusal is not None:
            await exchange.refuse(*refusal)
            return
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except BodyTooLarge as error:
            await exchange.refuse(BODY_TOO_LARGE, error.detail)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - it is logged
            log_crash(error)
            await exchange.refuse(INTERNAL_ERROR)
        else:
            await exchange.end_stream()

    def _note(self, exchange: Exchange, seconds: float) -> None:
        scope = exchange.scope
        method = "HEAD" if exchange.is_head else scope["method"]
        status = exchange.status or CLIENT_GONE
        route = _route_of(scope)
        self._metrics.observe(method if method in _METHODS else "other", route, status, seconds)
        path: str = (scope.get("raw_path") or b"").decode("latin-1") or scope["path"]
        if _PERSONAL in route:
            path = route
        is_quiet = method in _READING and path.startswith(_QUIET)
        write = log.debug if is_quiet else log.info
        event, fields = scope["state"].get(_LINE, _SERVED)
        write(
            event,
            method=method,
            path=path[:_MAX_LOGGED_PATH_CHARS],
            status=status,
            duration_ms=round(seconds * 1000, 2),
            **fields,
            **scope["state"].get(_ALSO, _NOTHING),
        )


def _route_of(scope: Scope) -> str:
    """Give the template of the route that matched, so that ids don't become metric labels."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    template = getattr(included, "path_format", None) or getattr(scope.get("route"), "path", None)
    if template is not None:
        return str(template)
    if "endpoint" in scope and not scope.get("path_params"):
        return str(scope["path"])
    return "unmatched"
