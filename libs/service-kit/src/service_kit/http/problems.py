"""Problem documents (RFC 9457): the one shape in which every error leaves a service.

A service maps its own errors to `Problem`s in one table; `install_problems` answers with them, and
with problems of its own for broken bodies, invalid fields, unknown routes and wrong methods.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from service_kit.http.fields import FieldError, as_field_errors
from service_kit.logs import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:asyncnotify:problem:"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error: its HTTP status, a stable code, a title, and when to try again.

    `detail` is what is to be said where nothing more is known of the single case; without it, the
    title is said again: no document lacks a detail.
    """

    status: int
    code: str
    title: str
    retry_after: timedelta | None = None
    detail: str | None = None


ProblemTable = Mapping[type[Exception], Problem]
"""Which problem an exception class, or any subclass of it, is answered with."""

INVALID_JSON = Problem(400, "invalid_json", "The body is not valid JSON")
INVALID_REQUEST = Problem(
    422, "invalid_request", "The request is invalid", detail="`errors` names what is wrong."
)
BODY_TOO_LARGE = Problem(413, "body_too_large", "The body is too large")
NOT_FOUND = Problem(404, "not_found", "Not found", detail="There is nothing under this path.")
METHOD_NOT_ALLOWED = Problem(
    405,
    "method_not_allowed",
    "This method is not allowed here",
    detail="The header `Allow` lists those that are.",
)
UNAVAILABLE = Problem(503, "unavailable", "Try again later", timedelta(seconds=5))
TOO_MANY_CONNECTIONS = Problem(
    503, "too_many_connections", "Too many connections are open", timedelta(seconds=1)
)
INTERNAL_ERROR = Problem(
    500,
    "internal_error",
    "Something went wrong on our side",
    detail="The log shows it under this `request_id`.",
)

_BY_STATUS = {
    problem.status: problem
    for problem in (
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        BODY_TOO_LARGE,
        INVALID_REQUEST,
        UNAVAILABLE,
        INTERNAL_ERROR,
    )
}


class ProblemError(Exception):
    """Raised to answer with a problem from anywhere below a route."""

    def __init__(
        self,
        problem: Problem,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        trace_id: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(detail or problem.title)
        self.problem = problem
        self.detail = detail
        self.errors = errors
        self.trace_id = trace_id
        self.headers = tuple(headers)


def problem_members(
    problem: Problem, *, detail: str | None = None, **members: object
) -> dict[str, object]:
    """Give what the document says; members that are None or empty are left out."""
    document = {
        "type": f"{TYPE_PREFIX}{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": detail or problem.detail or f"{problem.title}.",
        **members,
    }
    return {name: value for name, value in document.items() if value not in (None, [])}


def problem_document(problem: Problem, *, detail: str | None = None, **members: object) -> bytes:
    """Render the document; members that are None or empty are left out."""
    # ASCII only: a lone surrogate in a detail must not break the answer that complains about it.
    return json.dumps(problem_members(problem, detail=detail, **members)).encode()


def problem_of(error: Exception, table: ProblemTable) -> tuple[Problem, str | None]:
    """Return the problem that the table has for an error, and what the client is told of it.

    The text of an error that is not the client's is about our insides: it is for the log alone.
    """
    problem = next(table[cls] for cls in type(error).__mro__ if cls in table)
    return problem, None if problem.status >= 500 else str(error) or None


def problem_response(
    problem: Problem,
    *,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    trace_id: str | None = None,
    request_id: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    extra: Mapping[str, object] | None = None,
) -> Response:
    """Build the answer. `extra` adds members to the document; None and empty ones are left out."""
    members = {"trace_id": trace_id, "request_id": request_id, "errors": list(errors)}
    body = problem_document(problem, detail=detail, **members, **(extra or {}))
    response = Response(body, problem.status, media_type=MEDIA_TYPE)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(problem.retry_after.total_seconds()))
    for name, value in headers:
        response.headers[name] = value
    return response


def install_problems(app: FastAPI, table: ProblemTable) -> None:
    """Answer all errors of `app` with problem documents.

    An error of `table` has its text as `detail` if the problem is the client's (4xx); the text of
    others is logged instead, since it is about our insides. A `trace_id` on the error is passed on.
    """

    async def answer(request: Request, error: Exception) -> Response:
        response = answer_of(error, table, getattr(request.state, "request_id", None))
        assert response is not None  # noqa: S101 - narrows what the handler was installed for
        return response

    for cls in (*table, ProblemError):
        app.add_exception_handler(cls, answer)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_crash)


def answer_of(error: Exception, table: ProblemTable, request_id: str | None) -> Response | None:
    """Build the answer to a `ProblemError` or an error of the table; None to any other."""
    if isinstance(error, ProblemError):
        return problem_response(
            error.problem,
            detail=error.detail,
            errors=error.errors,
            trace_id=error.trace_id,
            request_id=request_id,
            headers=error.headers,
        )
    if table.keys().isdisjoint(type(error).__mro__):
        return None
    problem, detail = problem_of(error, table)
    if problem.status >= 500:
        log.warning("request.failed", code=problem.code, error=str(error))
    trace_id = getattr(error, "trace_id", None)
    return problem_response(problem, detail=detail, trace_id=trace_id, request_id=request_id)


def http_problem(status: int) -> Problem:
    """Give the problem that stands for a bare HTTP status."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    phrase = http_phrase(status)
    return Problem(status, re.sub(r"[^a-z]+", "_", phrase.lower()), phrase)


def http_phrase(status: int) -> str:
    """Give the words that go with an HTTP status, also with an unregistered one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _answer(
    request: Request,
    problem: Problem,
    *,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    return problem_response(
        problem,
        detail=detail,
        errors=errors,
        request_id=getattr(request.state, "request_id", None),
        headers=headers,
    )


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    details = error.errors()
    if any(each["type"] == "json_invalid" for each in details):
        return _answer(request, INVALID_JSON)
    return _answer(request, INVALID_REQUEST, errors=as_field_errors(details, drop="body"))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    headers = dict(error.headers or {})
    if error.status_code == METHOD_NOT_ALLOWED.status:
        headers["Allow"] = ", ".join(_allowed_methods(request))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=headers)
    problem = http_problem(error.status_code)
    # Without words of its own, the framework repeats the status.
    said = str(error.detail)
    detail = said if said != http_phrase(error.status_code) else ""
    return _answer(request, problem, detail=detail or None, headers=headers.items())


async def _answer_crash(request: Request, _: Exception) -> Response:
    return _answer(request, INTERNAL_ERROR)


def _allowed_methods(request: Request) -> list[str]:
    """List what the path allows; the framework names only the methods of the first route."""
    routes = request.app.router.routes

    def answers(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    allowed = {method for method in _METHODS if answers(method)} | {"OPTIONS"}
    return sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))
