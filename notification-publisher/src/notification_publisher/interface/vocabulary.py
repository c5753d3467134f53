"""What several calls have in common: their parameters, their answers, and their errors.

JSON is made as bytes: a model in between would be built to be read by nobody.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Final

from durable_queue.port import QueueFull, QueueUnavailable, UnsafeBroker
from fastapi import Depends, Path, Query, Response
from notification_contracts.http import KnownChannel, ProblemView
from notification_contracts.trace_ids import parse_trace_id
from notification_ledger.reading import (
    MAX_PAGE,
    InvalidCursor,
    LedgerReader,
    LedgerUnavailable,
    NotificationRecord,
    RecordQuery,
)
from pydantic import BaseModel
from pydantic_core import to_json, to_jsonable_python
from service_kit.http.fields import FieldError
from service_kit.http.problems import (
    INVALID_REQUEST,
    MEDIA_TYPE,
    Problem,
    ProblemError,
    ProblemTable,
)
from service_kit.logs import bind_contextvars

from notification_publisher.application.ports import (
    KeyReused,
    NotADeadLetter,
    PastCancelling,
    UnknownDeadLetter,
    UnknownNotification,
)

JSON: Final = "application/json"
_CURSOR_MAX_CHARS: Final = 1024
_SOON: Final = timedelta(seconds=2)
_LATER: Final = timedelta(seconds=10)
_NOT_SHOWN: Final = {"is_dead_letter"}

_NOT_NOW: Final = Problem(
    503, "queue_unavailable", "Notifications can't be taken or changed now", _SOON
)

PROBLEMS: Final[ProblemTable] = {
    QueueUnavailable: _NOT_NOW,
    UnsafeBroker: _NOT_NOW,
    QueueFull: Problem(503, "queue_full", "Too many notifications are waiting", _LATER),
    LedgerUnavailable: Problem(
        503, "ledger_unavailable", "The record of notifications can't be read now", _SOON
    ),
    UnknownNotification: Problem(
        404, "notification_not_found", "No notification has this trace id"
    ),
    PastCancelling: Problem(409, "past_cancelling", "It is too late to cancel it"),
    KeyReused: Problem(
        422, "idempotency_key_reused", "This Idempotency-Key belongs to another request"
    ),
    UnknownDeadLetter: Problem(404, "dead_letter_not_found", "No dead letter has this trace id"),
    NotADeadLetter: Problem(409, "not_a_dead_letter", "It is no dead letter"),
}


async def _bound(
    trace_id: Annotated[str, Path(description="As the `202` answer gave it.")],
) -> str:
    known = parse_trace_id(trace_id)
    if known:
        bind_contextvars(trace_id=known)
    return trace_id


TraceIdInPath = Annotated[str, Depends(_bound)]
"""A trace id, well-formed or not; a well-formed one is on every log line of the request."""

Channel = Annotated[KnownChannel | None, Query(description="Only those on this channel.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many the page may hold.")]
Cursor = Annotated[
    str | None,
    Query(max_length=_CURSOR_MAX_CHARS, description="The `next_cursor` of the page before."),
]


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Document a body that the handler reads itself, whatever its content type."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _schema(model)}}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document which errors a call may be answered with, besides 503 when a store is down."""
    content = {MEDIA_TYPE: {"schema": _schema(ProblemView)}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in (*statuses, HTTPStatus.SERVICE_UNAVAILABLE)
    }


def refused(pointer: str, code: str, message: str) -> ProblemError:
    """Refuse a request for one of its parts."""
    fault = FieldError(pointer=pointer, code=code, message=message)
    return ProblemError(INVALID_REQUEST, errors=[fault])


def notification_answer(record: NotificationRecord, status: int = 200) -> Response:
    """Answer with a notification."""
    return Response(to_json(record, exclude=_NOT_SHOWN), status, media_type=JSON)


def replay_answer(record: NotificationRecord, warning: str | None) -> Response:
    """Answer with a dead letter that was queued again, and what is to be said about that."""
    shown = to_jsonable_python(record, exclude=_NOT_SHOWN)
    return Response(to_json({**shown, "warning": warning}), 202, media_type=JSON)


async def page_answer(ledger: LedgerReader, query: RecordQuery) -> Response:
    """Answer with the page that a query asks for; refuse a cursor that was never handed out."""
    try:
        found = await ledger.find(query)
    except InvalidCursor:
        raise refused(
            "/query/cursor", "invalid_cursor", "is not the next_cursor of an earlier page"
        ) from None
    return Response(to_json(found, exclude={"items": {"__all__": _NOT_SHOWN}}), media_type=JSON)


@cache
def _schema(model: type[BaseModel]) -> object:
    schema = model.model_json_schema()
    return _without_references(schema, schema.pop("$defs", {}))


def _without_references(node: object, definitions: Mapping[str, object]) -> object:
    # The document has no place of its own for what only a body refers to.
    if isinstance(node, list):
        return [_without_references(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    rest = {name: _without_references(part, definitions) for name, part in node.items()}
    target = rest.pop("$ref", None)
    if target is None:
        return rest
    whole = _without_references(definitions[str(target).rpartition("/")[2]], definitions)
    return {**whole, **rest} if isinstance(whole, dict) else whole
