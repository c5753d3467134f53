"""What the person would have seen: messages that fakes, the outbox or the lab took."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from notification_contracts.channels import CHANNELS
from notification_contracts.http import KnownChannel
from notification_contracts.sms_size import sms_size
from pydantic import BaseModel, Field
from service_kit.cursors import ForeignCursor, seal, unseal
from service_kit.http.openapi_parts import JSON, answer
from service_kit.http.pages import Cursor, invalid_cursor, read_cursor

from notification_dispatcher.application.outbox import (
    NoOutbox,
    OutboxMessage,
    OutboxUnavailable,
    Positions,
    ShowOutbox,
)
from notification_dispatcher.interface.problems import refusals

MAX_PAGE: Final = 50
_LISTING: Final = "outbox"


class OutboxMessageView(BaseModel):
    """One message as the person would have got it."""

    trace_id: str | None = Field(description="Null where the lab's wire does not carry it.")
    channel: str
    provider: str | None = Field(description="The fake's name, or the lab's wire.")
    address: str
    subject: str | None
    message: str
    html: str | None
    data: Mapping[str, Any] | None
    segments: int | None = Field(description="How many SMS it takes; null on other channels.")
    delivery_mode: str | None = Field(description="`captured` if `DELIVERY` kept it from going.")
    at: datetime


class OutboxView(BaseModel):
    """Messages, newest first. `next_cursor` is null on the last page."""

    items: list[OutboxMessageView]
    next_cursor: str | None


def outbox_routes(show: ShowOutbox) -> APIRouter:
    """Build the route."""
    router = APIRouter(tags=["providers"], default_response_class=Response)

    @router.get(
        "/outbox",
        summary="See what reached nobody",
        responses=answer(200, "A page.", OutboxView) | refusals(NoOutbox, OutboxUnavailable),
    )
    async def list_outbox(
        channel: Annotated[
            KnownChannel | None, Query(description="Only those on this channel.")
        ] = None,
        limit: Annotated[
            int, Query(ge=1, le=MAX_PAGE, description="How many items the page may hold.")
        ] = 20,
        cursor: Cursor = None,
    ) -> Response:
        """Shows what fake providers accepted, what was captured, and what the lab took: messages
        as the person would have got them. A page may be short, even empty, and still have a
        `next_cursor`: a long outbox is looked through in bounded steps.
        """
        positions = read_cursor(cursor, _positions_in)
        try:
            page = await show(positions, channel=channel, limit=limit)
        except ValueError as error:
            raise invalid_cursor() from error
        view = OutboxView(
            items=[_view(each) for each in page.items],
            next_cursor=_cursor(page.positions) if page.positions else None,
        )
        return Response(view.model_dump_json(), media_type=JSON)

    return router


def _view(message: OutboxMessage) -> OutboxMessageView:
    channel = CHANNELS.get(message.channel)
    is_sms = channel is not None and channel.max_sms_segments is not None
    segments = sms_size(message.message).segments if is_sms else None
    return OutboxMessageView(**asdict(message), segments=segments)


def _cursor(positions: Positions) -> str:
    return seal(_LISTING, json.dumps(dict(positions)))


def _positions_in(cursor: str) -> Positions:
    found = json.loads(unseal(_LISTING, cursor))
    if not isinstance(found, dict) or not all(
        value is None or isinstance(value, str) for value in found.values()
    ):
        raise ForeignCursor("these are no positions")
    return found
