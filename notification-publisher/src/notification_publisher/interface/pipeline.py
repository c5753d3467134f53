"""What waits where: for the control room, and for what adds dispatchers by itself."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from durable_queue.port import QueueUnavailable
from fastapi import APIRouter, Response
from notification_contracts.states import Priority
from notification_ledger.reading import LedgerUnavailable
from pydantic import BaseModel, Field
from pydantic_core import to_json
from service_kit.http.openapi_parts import JSON, answer

from notification_publisher.application.pipeline import Pipeline
from notification_publisher.interface.channels import ChannelStateView
from notification_publisher.interface.problems import refusals


class LaneView(BaseModel):
    """A lane and what is in it. On RabbitMQ only `waiting` is known, without what dispatchers have
    fetched ahead.
    """

    stage: str = Field(description="`validation` or `delivery`.")
    channel: str | None = Field(description="Null for validation.")
    priority: Priority
    waiting: int
    in_flight: int | None
    delayed: int | None = Field(description="Waits for its time: scheduled, retried, deferred.")
    oldest_seconds: float | None = Field(description="How long the first one has waited.")
    per_second: float | None = Field(
        description="How many have left the lane each second, over about the last 10 s; null where "
        "that is unknown, as in the first answer after a while."
    )


class PipelineView(BaseModel):
    """How many notifications are where. `in_flight` are those that dispatchers hold; `retrying` and
    `scheduled` go by their status; `dead` are the dead letters.
    """

    at: datetime
    waiting: int
    in_flight: int
    retrying: int
    scheduled: int
    dead: int
    oldest_seconds: float | None = Field(description="The highest of all lanes.")
    lanes: list[LaneView]
    channels: list[ChannelStateView]


class BacklogView(BaseModel):
    """How many notifications wait for a dispatcher, and how long the oldest has."""

    waiting: int
    oldest_seconds: float | None = Field(description="Null if none waits, and on RabbitMQ.")


def pipeline_routes(show: Callable[[], Awaitable[Pipeline]]) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["pipeline"], default_response_class=Response)

    @router.get(
        "/pipeline",
        summary="See what waits where",
        responses=answer(200, "The lanes.", PipelineView)
        | refusals(QueueUnavailable, LedgerUnavailable),
    )
    async def get_pipeline() -> Response:
        """Counts what is in each lane. An answer may be a second old: ask as often as you like."""
        return Response(to_json(await show()), media_type=JSON)

    @router.get(
        "/metrics/backlog",
        summary="See how much waits",
        responses=answer(200, "The backlog.", BacklogView)
        | refusals(QueueUnavailable, LedgerUnavailable),
    )
    async def get_backlog() -> Response:
        """Tells how much waits, for what adds and removes dispatchers by itself."""
        pipeline = await show()
        backlog = {"waiting": pipeline.waiting, "oldest_seconds": pipeline.oldest_seconds}
        return Response(to_json(backlog), media_type=JSON)

    return router
