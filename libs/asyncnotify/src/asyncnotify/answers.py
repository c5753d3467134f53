"""Tells the API's answers from all others."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from asyncnotify.errors import Refused, UnexpectedAnswer, refusal_type

JsonObject = dict[str, Any]
"""A decoded JSON object; its fields are those of the public API."""

EVENT_STREAM = "text/event-stream"


def read_answer(response: httpx.Response, fields: Sequence[str]) -> JsonObject:
    """Return the body, which has these `fields`; without any it is an answer without a body.

    Raises:
        Refused: it is a problem document.
        UnexpectedAnswer: it is neither.
    """
    if not response.is_success:
        raise failure(response)
    if not fields:
        if response.status_code == HTTPStatus.NO_CONTENT:
            return {}
        raise _unexpected(response)
    answer = _json_object(response)
    if answer is None or not answer.keys() >= set(fields):
        raise _unexpected(response)
    return answer


def failure(response: httpx.Response) -> Refused | UnexpectedAnswer:
    """Return the meaning of an answer that is not one of the expected ones."""
    problem = _json_object(response) if response.is_error else None
    if problem is None or not isinstance(problem.get("code"), str):
        return _unexpected(response)
    request_id = response.headers.get("X-Request-ID")
    return refusal(
        response.status_code,
        problem | ({} if "request_id" in problem or not request_id else {"request_id": request_id}),
        retry_after_seconds(response),
    )


def refusal(status: int, problem: JsonObject, retry_seconds: float | None) -> Refused:
    """Return the error that a problem document stands for."""
    detail = problem.get("detail") or problem.get("title") or f"refused with status {status}"
    errors = problem.get("errors")
    faults = [_fault(each) for each in errors] if isinstance(errors, list) else []
    request_id = problem.get("request_id")
    return refusal_type(status)(
        status,
        str(problem.get("code")),
        str(detail),
        [each for each in faults if each],
        retry_seconds,
        str(request_id) if request_id else None,
    )


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return how long to wait, if the answer says so: in seconds, or until a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _json_object(response: httpx.Response) -> JsonObject | None:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _fault(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: str(value.get(name, "")) for name in ("pointer", "code", "message")}


def _unexpected(response: httpx.Response) -> UnexpectedAnswer:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    location = response.headers.get("Location")
    kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
    what = f"a redirect to {location}" if location else f"{kind}, not the answer of the API"
    hint = "use that address" if location else "is this the address of an AsyncNotify gateway?"
    url = response.request.url
    return UnexpectedAnswer(
        response.status_code,
        f"{url.scheme}://{url.netloc.decode()} answered {status}: {what}; {hint}",
        retry_after_seconds(response),
    )
