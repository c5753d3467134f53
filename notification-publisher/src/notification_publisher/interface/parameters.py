"""Parameters that several calls have."""

from typing import Annotated, Final

from fastapi import Depends, Path, Query
from notification_contracts.http import KnownChannel
from notification_contracts.trace_ids import parse_trace_id
from notification_ledger.reading import MAX_PAGE
from service_kit.logs import bind_contextvars

EXAMPLE_TRACE_ID: Final = "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"
_CURSOR_MAX_CHARS: Final = 1024


async def _bound(
    trace_id: Annotated[
        str,
        Path(
            description="The notification's trace id, as the `202` answer gave it.",
            openapi_examples={"a trace id": {"value": EXAMPLE_TRACE_ID}},
        ),
    ],
) -> str:
    known = parse_trace_id(trace_id)
    if known:
        bind_contextvars(trace_id=known)
    return trace_id


TraceIdInPath = Annotated[str, Depends(_bound)]
"""A trace id, well-formed or not; a well-formed one is on every log line of the request."""

Channel = Annotated[KnownChannel | None, Query(description="Only those on this channel.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many items the page may hold.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=_CURSOR_MAX_CHARS,
        description="`next_cursor` of the page before; without it, the first page.",
    ),
]
