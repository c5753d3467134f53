"""Hot calls: the few whose price matters leave the general road before the framework begins.

A hot call has a route like any other. The route says in the OpenAPI document what the call does,
and serves whatever is unusual about a request: the hot road takes plain ones alone, so that it
stays small. Both roads do the same; the same tests run against both.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Final, NamedTuple

from starlette.types import ASGIApp

from service_kit.http.admission import Admission
from service_kit.http.exchange import Headers, request_id_in
from service_kit.http.problems import INTERNAL_ERROR, ProblemTable, answer_of, problem_response
from service_kit.http.requests import CLIENT_GONE, SERVED, log_crash, request_line
from service_kit.logs import PreparedLine, bind_contextvars
from service_kit.metrics import HttpMetrics

JSON_HEAD: Final = b"content-type: application/json\r\n"

# What the general road looks at and this one doesn't.
_UNUSUAL: Final = frozenset(
    {b"expect", b"origin", b"sec-fetch-site", b"transfer-encoding", b"upgrade"}
)


@dataclass(slots=True)
class HotRequest:
    """A plain request: `headers` are by their names in lower case, and none came twice.

    What a handler puts into `fields` is in the request's line of log.
    """

    call: "HotCall"
    headers: dict[bytes, bytes]
    request_id: str
    body: bytes = b""
    fields: dict[str, object] = field(default_factory=dict)
    started: float = field(default_factory=perf_counter)

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.call.path


class HotAnswer(NamedTuple):
    """An answer. `head` has whole lines; the length of the body and the request's id are added."""

    status: int
    body: bytes
    head: bytes = JSON_HEAD


HotHandler = Callable[[HotRequest], Awaitable[HotAnswer] | None]
"""Takes a request on, or returns None: then the general road serves it.

What is taken on is never handed back: so what may be done only once is done in the awaitable, which
may raise whatever the handler of a route may.
"""


@dataclass(frozen=True, kw_only=True)
class HotCall:
    """A POST to `path`, the same as the path of its route, and without parameters.

    `event` is what is logged of a request that was answered without an error. One that has any of
    the headers `unless` goes the general road.
    """

    path: str
    handle: HotHandler
    event: str = SERVED
    unless: Collection[bytes] = ()

    @cached_property
    def unusual(self) -> frozenset[bytes]:
        """Headers with which a request goes the general road."""
        return _UNUSUAL.union(self.unless)

    @cached_property
    def line(self) -> PreparedLine:
        """What is logged of a request that was answered without an error."""
        return request_line(self.event)


class HotCalls:
    """The hot calls of an application: for them it does what the middleware does for others."""

    def __init__(
        self,
        calls: Sequence[HotCall],
        admission: Admission,
        metrics: HttpMetrics,
        problems: ProblemTable,
        answer_headers: Headers = (),
    ) -> None:
        self._calls = {call.path.encode(): call for call in calls}
        self._served: PreparedLine = request_line(SERVED)
        self._admission = admission
        self._metrics = metrics
        self._problems = problems
        self._tail = header_lines(answer_headers)

    def plain_request(
        self, method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> HotRequest | None:
        """Return the request that begins so; None if it is not for the hot road."""
        call = self._calls.get(url)
        if call is None or method != b"POST":
            return None
        named = dict(headers)
        if len(named) != len(headers) or not call.unusual.isdisjoint(named):
            return None
        if not self._admission.admits_plain_post(named):
            return None
        return HotRequest(call, named, request_id_in(named.get(b"x-request-id", b"")))

    def take_on(self, request: HotRequest) -> Awaitable[HotAnswer] | None:
        """Return what answers the request; None if the general road has to."""
        return request.call.handle(request)

    async def answer(self, request: HotRequest, work: Awaitable[HotAnswer]) -> HotAnswer:
        """Return the answer to a request that was taken on, once log and metrics have it."""
        # The task is this request's own, and so is its context.
        bind_contextvars(request_id=request.request_id)
        status, line = CLIENT_GONE, None
        try:
            try:
                answer = await work
                line = request.call.line
            except Exception as error:  # noqa: BLE001 - all are answered
                answer = self._answer_to(error, request.request_id)
            status = answer.status
        finally:
            self.note(request, status, line)
        head = b"%bx-request-id: %b\r\n%b" % (answer.head, request.request_id.encode(), self._tail)
        return HotAnswer(status, answer.body, head)

    def _answer_to(self, error: Exception, request_id: str) -> HotAnswer:
        response = answer_of(error, self._problems, request_id)
        if response is None:
            log_crash(error)
            response = problem_response(INTERNAL_ERROR, request_id=request_id)
        headers = [each for each in response.raw_headers if each[0] != b"content-length"]
        return HotAnswer(response.status_code, bytes(response.body), header_lines(headers))

    def note(self, request: HotRequest, status: int, line: PreparedLine | None = None) -> None:
        """Note in log and metrics that a request has ended."""
        line = line or self._served
        seconds = perf_counter() - request.started
        self._metrics.observe("POST", request.path, status, seconds)
        line.write(
            {
                "request_id": request.request_id,
                "method": "POST",
                "path": request.path,
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                **request.fields,
            }
        )


def hot_calls_of(app: ASGIApp) -> HotCalls | None:
    """Return the hot calls of an application, if it has any."""
    found: HotCalls | None = getattr(getattr(app, "state", None), "hot_calls", None)
    return found


def header_lines(headers: Headers) -> bytes:
    """Render headers as they are sent."""
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)
