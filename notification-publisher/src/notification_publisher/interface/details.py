"""What is behind a notification: what was asked for, and why it is where it is."""

from durable_queue.port import BrokerClock, QueueUnavailable
from fastapi import APIRouter, Response
from notification_contracts.http import NotificationContent
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.reading import LedgerReader, LedgerUnavailable
from pydantic_core import to_json
from service_kit.http.openapi_parts import JSON, answer

from notification_publisher.application.explaining import ExplainNotification
from notification_publisher.application.ports import (
    ContentGone,
    NotificationContents,
    UnknownNotification,
)
from notification_publisher.application.tracking import ShowContent, ShowNotification
from notification_publisher.interface.parameters import TraceIdInPath
from notification_publisher.interface.problems import refusals
from notification_publisher.interface.views import ExplanationView


def detail_routes(
    ledger: LedgerReader,
    contents: NotificationContents,
    clock: BrokerClock,
    pauses: ChannelPauses,
) -> APIRouter:
    """Build the routes by which one notification is looked into."""
    router = APIRouter(
        prefix="/notifications/{trace_id}", tags=["notifications"], default_response_class=Response
    )
    show = ShowNotification(ledger=ledger)
    show_content = ShowContent(show=show, contents=contents)
    explain = ExplainNotification(show=show, pauses=pauses, clock=clock)

    @router.get(
        "/content",
        summary="Show what was asked for",
        responses=answer(200, "What was asked for.", NotificationContent)
        | refusals(UnknownNotification, ContentGone, QueueUnavailable, LedgerUnavailable),
    )
    async def get_notification_content(trace_id: TraceIdInPath) -> Response:
        """Tells what was asked for, as long as it is kept: until it has ended, and as long as it is
        a dead letter. On RabbitMQ it can't be looked up: the answer is 410 there.
        """
        return Response(to_json(await show_content(trace_id)), media_type=JSON)

    @router.get(
        "/explain",
        summary="Explain a notification",
        responses=answer(200, "Why it is where it is.", ExplanationView)
        | refusals(UnknownNotification, QueueUnavailable, LedgerUnavailable),
    )
    async def explain_notification(trace_id: TraceIdInPath) -> Response:
        """Tells in plain words where it is, why, what happens next, and what one can do about it.
        Programs go by `status`, `reason` and `actions`; the words may change.
        """
        return Response(to_json(await explain(trace_id)), media_type=JSON)

    return router
