"""What became of the attempts to tell webhooks of events; telling them again, and trying them."""

import re
from functools import partial
from typing import Annotated, Any, Final

from durable_queue.port import QueueUnavailable
from fastapi import APIRouter, Path, Response
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.http.webhooks import WebhookAttemptPageView, WebhookEventQueuedView
from notification_contracts.lanes import WEBHOOKS
from notification_ledger.webhooks.endpoints import KeptAttempt, WebhookEvent
from notification_ledger.webhooks.port import UnknownAttempt, UnknownEndpoint
from pydantic_core import to_json
from service_kit.cursors import ForeignCursor, seal, unseal
from service_kit.http.openapi_parts import JSON, answer
from service_kit.http.pages import Cursor, read_cursor, read_page
from service_kit.logs import get_logger

from notification_publisher.application.ports import EndpointDisabled
from notification_publisher.application.webhook_lines import SendLines
from notification_publisher.application.webhooks import SendAgain, ShowAttempts, TryEndpoint
from notification_publisher.interface.parameters import Limit
from notification_publisher.interface.webhooks import (
    EndpointId,
    Webhooks,
    refused_with,
    router_for,
)

log = get_logger(__name__)

_ATTEMPT_ID: Final = re.compile(r"\d{1,16}-\d{1,16}", re.ASCII)
AttemptId = Annotated[
    str,
    Path(
        description="The attempt's id.",
        openapi_examples={"an attempt": {"value": "1769850000000-0"}},
    ),
]


def webhook_attempt_routes(webhooks: Webhooks) -> APIRouter:
    """Build the routes by which attempts are looked at and made again."""
    router = router_for(webhooks)
    _add_history(router, ShowAttempts(store=webhooks.store))
    _add_sending(router, webhooks)
    return router


def _add_history(router: APIRouter, show: ShowAttempts) -> None:
    @router.get(
        "/{webhook_id}/attempts",
        summary="List a webhook's attempts",
        responses=answer(200, "A page.", WebhookAttemptPageView) | refused_with(UnknownEndpoint),
    )
    async def list_webhook_attempts(
        webhook_id: EndpointId, *, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Gives a page of the attempts to tell a webhook of events, newest first. About the latest
        500 are kept.
        """
        before = read_cursor(cursor, partial(_attempt_in, webhook_id))
        items, last = await read_page(partial(show, webhook_id, before=before), limit)
        page = {
            "items": [_shown(each) for each in items],
            "next_cursor": last and seal(webhook_id, last.id),
        }
        return Response(to_json(page), media_type=JSON)


def _add_sending(router: APIRouter, webhooks: Webhooks) -> None:
    parts = webhooks.parts
    send_lines = SendLines(lines=parts.store, queue=parts.queue, lane=WEBHOOKS)
    send_again = SendAgain(store=parts.store, send_lines=send_lines)
    try_out = TryEndpoint(store=parts.store, send_lines=send_lines, clock=webhooks.clock)
    queued = answer(202, "It will be posted.", WebhookEventQueuedView)

    @router.post(
        "/{webhook_id}/attempts/{attempt_id}/resend",
        summary="Send an event again",
        status_code=202,
        responses=queued
        | refused_with(UnknownEndpoint, UnknownAttempt, EndpointDisabled, QueueUnavailable),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def resend_webhook_attempt(webhook_id: EndpointId, attempt_id: AttemptId) -> Response:
        """Posts the event of an attempt once more, now, with the same `webhook-id`. It is tried
        again like any other.
        """
        if not _ATTEMPT_ID.fullmatch(attempt_id):
            raise UnknownAttempt(attempt_id)
        return _queued(webhook_id, await send_again(webhook_id, attempt_id), "webhook.resent")

    @router.post(
        "/{webhook_id}/test",
        summary="Try a webhook out",
        status_code=202,
        responses=queued | refused_with(UnknownEndpoint, EndpointDisabled, QueueUnavailable),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def test_webhook(webhook_id: EndpointId) -> Response:
        """Posts an event of the type `webhook.test`, once; its attempt shows what came of it."""
        return _queued(webhook_id, await try_out(webhook_id), "webhook.tested")


def _queued(endpoint_id: str, event: WebhookEvent, what: str) -> Response:
    log.info(what, webhook=endpoint_id, webhook_id=event.id)
    return Response(to_json({"webhook_id": event.id}), 202, media_type=JSON)


def _attempt_in(endpoint_id: str, cursor: str) -> str:
    before = unseal(endpoint_id, cursor)
    if not _ATTEMPT_ID.fullmatch(before):
        raise ForeignCursor("this is no attempt's id")
    return before


def _shown(kept: KeptAttempt) -> dict[str, Any]:
    attempt, event = kept.attempt, kept.attempt.event
    return {
        "id": kept.id,
        "webhook_id": event.id,
        "type": event.kind,
        "trace_id": event.trace_id,
        "at": kept.at,
        "number": attempt.number,
        "outcome": attempt.outcome,
        "status_code": attempt.status_code,
        "duration_ms": attempt.duration_ms,
        "answer": attempt.answer,
        "error": attempt.error,
        "next_attempt_at": kept.at + attempt.retry_in if attempt.retry_in else None,
        "data": event.data,
    }
