"""Parameters that several calls have."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Path, Query
from notification_contracts.events import Reference, Tag, UserId
from notification_contracts.http import KnownChannel
from notification_contracts.states import Status
from notification_contracts.timestamps import Timestamp
from notification_contracts.trace_ids import parse_trace_id
from notification_ledger.reading import MAX_PAGE
from service_kit.logs import bind_contextvars

EXAMPLE_TRACE_ID: Final = "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"


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
Reason = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=64,
        description="Only those with this reason, such as `unknown_user`.",
    ),
]


Since = Annotated[
    Timestamp | None,
    Query(description="Only those that last changed (`updated_at`) at this time or later."),
]
Until = Annotated[
    Timestamp | None,
    Query(description="Only those that last changed (`updated_at`) before this time."),
]


@dataclass(frozen=True, kw_only=True)
class _Filters:
    status: Annotated[Status | None, Query(description="Only those with this status.")] = None
    user_id: Annotated[UserId | None, Query(description="Only those to this user.")] = None
    channel: Channel = None
    reason: Reason = None
    tag: Annotated[Tag | None, Query(description="Only those with this label.")] = None
    reference: Annotated[
        Reference | None, Query(description="Only those with this id of your own.")
    ] = None
    since: Since = None
    until: Until = None


Filters = Annotated[_Filters, Depends()]
"""Which notifications are listed."""

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many items the page may hold.")]
