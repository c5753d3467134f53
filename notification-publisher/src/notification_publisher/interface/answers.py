"""Answers that several calls give.

JSON is made as bytes: a model in between would be built and not be read.
"""

from fastapi import Response
from notification_ledger.reading import (
    InvalidCursor,
    LedgerReader,
    NotificationRecord,
    RecordQuery,
)
from pydantic_core import to_json, to_jsonable_python
from service_kit.http.openapi_parts import JSON
from service_kit.http.pages import invalid_cursor

from notification_publisher.interface.views import NOT_SHOWN


def notification_answer(record: NotificationRecord, status: int = 200) -> Response:
    """Answer with a notification."""
    return Response(to_json(record, exclude=NOT_SHOWN), status, media_type=JSON)


def replay_answer(record: NotificationRecord, warning: str | None) -> Response:
    """Answer with a dead letter that was queued again, and what is to be said about that."""
    shown = to_jsonable_python(record, exclude=NOT_SHOWN)
    return Response(to_json({**shown, "warning": warning}), 202, media_type=JSON)


async def page_answer(ledger: LedgerReader, query: RecordQuery) -> Response:
    """Answer with the page that a query asks for; refuse a cursor that was never handed out."""
    try:
        found = await ledger.find(query)
    except InvalidCursor:
        raise invalid_cursor() from None
    return Response(to_json(found, exclude={"items": {"__all__": NOT_SHOWN}}), media_type=JSON)
