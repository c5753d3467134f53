"""Asking for notifications, and finding them again."""

import re
from typing import Annotated, Final

from durable_queue.port import MessageControl
from fastapi import APIRouter, Query, Request, Response
from notification_contracts.events import UserId
from notification_contracts.http import (
    NotificationAccepted,
    NotificationPage,
    NotificationRequest,
    NotificationView,
)
from notification_contracts.states import Status
from notification_ledger.reading import LedgerReader, RecordQuery
from pydantic import TypeAdapter
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, ProblemError
from service_kit.http.requests import log_request_as, request_id_of
from service_kit.http.routes import LeanRoute
from service_kit.logs import bind_contextvars

from notification_publisher.application.ports import Acceptance, TimesNotGranted
from notification_publisher.application.publishing import PublishNotification
from notification_publisher.application.tracking import CancelNotification, ShowNotification
from notification_publisher.domain.notification import Notification
from notification_publisher.interface.vocabulary import (
    JSON,
    Channel,
    Cursor,
    Limit,
    TraceIdInPath,
    json_body,
    notification_answer,
    page_answer,
    problems,
)

_REQUEST: Final = TypeAdapter(NotificationRequest)
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")
_KEY_FAULT: Final = FieldError(
    pointer="/header/idempotency-key",
    code="invalid_value",
    message="must be 1 to 255 visible ASCII characters, and be given once",
)
_KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the call repeatable for 24 hours: it gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def sending_routes(publish: PublishNotification) -> APIRouter:
    """Build the route by which notifications come in, under both of its names.

    It is the hot path: the body is parsed once, and the answer is bytes from the start.
    """
    router = APIRouter(tags=["notifications"], route_class=LeanRoute)

    async def send_notification(request: Request) -> Response:
        """Tell a user something, now or later.

        The `202` is a promise: it will end as sent, failed with a reason, cancelled or expired.
        """
        asked, key = _read(request, await read_body(request))
        try:
            acceptance = await publish(asked, key=key, request_id=request_id_of(request))
        except TimesNotGranted as error:
            faults = [
                FieldError(pointer=fault.pointer, code=fault.code, message=fault.message)
                for fault in error.faults
            ]
            raise ProblemError(INVALID_REQUEST, errors=faults) from None
        bind_contextvars(trace_id=acceptance.trace_id)
        log_request_as(
            request,
            "notification.accepted",
            user_id=asked.user_id,
            channel=asked.channel,
            priority=asked.priority,
            first_status=acceptance.status,
            replayed=acceptance.replayed,
        )
        return _accepted(acceptance)

    for path in ("/notifications", "/notification"):
        router.add_api_route(
            path,
            send_notification,
            methods=["POST"],
            status_code=202,
            response_model=NotificationAccepted,
            responses=problems(400, 413, 422),
            openapi_extra={"parameters": [_KEY_PARAMETER], **json_body(NotificationRequest)},
            include_in_schema=path == "/notifications",
        )
    return router


def tracking_routes(ledger: LedgerReader, control: MessageControl) -> APIRouter:
    """Build the routes by which notifications are found again, and withdrawn."""
    router = APIRouter(tags=["notifications"])
    show = ShowNotification(ledger=ledger)
    cancel = CancelNotification(control=control, show=show)

    @router.get("/notifications", response_model=NotificationPage, responses=problems(422))
    async def list_notifications(
        *,
        status: Annotated[Status | None, Query(description="Only those with it.")] = None,
        user_id: Annotated[UserId | None, Query(description="Only those to this user.")] = None,
        channel: Channel = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Give a page of those that pass all filters, newest first."""
        query = RecordQuery(
            status=status, user_id=user_id, channel=channel, limit=limit, cursor=cursor
        )
        return await page_answer(ledger, query)

    @router.get(
        "/notifications/{trace_id}", response_model=NotificationView, responses=problems(404)
    )
    async def show_notification(trace_id: TraceIdInPath) -> Response:
        """Tell where a notification is, why, and everything that happened to it."""
        return notification_answer(await show(trace_id))

    @router.delete(
        "/notifications/{trace_id}", response_model=NotificationView, responses=problems(404, 409)
    )
    async def cancel_notification(trace_id: TraceIdInPath) -> Response:
        """Withdraw a notification, unless it is being sent or has ended. Doing so twice is fine.

        With the reason `ambiguous` it is no longer sent, but an earlier attempt, of which nobody
        knows the outcome, may have reached the provider.
        """
        return notification_answer(await cancel(trace_id))

    return router


def _read(request: Request, body: bytes) -> tuple[Notification, str | None]:
    """Return what is asked for, and the idempotency key; name all that is wrong with either."""
    keys = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    is_key_bad = len(keys) > 1 or not all(map(_KEY.fullmatch, keys))
    try:
        asked = parse_json_body(_REQUEST, body)
    except ProblemError as error:
        if is_key_bad and error.problem is INVALID_REQUEST:
            error.errors = [*error.errors, _KEY_FAULT]
        raise
    if is_key_bad:
        raise ProblemError(INVALID_REQUEST, errors=[_KEY_FAULT])
    return Notification(**asked.__dict__), keys[0].decode() if keys else None


def _accepted(acceptance: Acceptance) -> Response:
    url = f"/notifications/{acceptance.trace_id}"
    body = (
        f'{{"trace_id":"{acceptance.trace_id}","status":"{acceptance.status}",'
        f'"status_url":"{url}"}}'
    )
    headers = {"Location": url}
    if acceptance.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(body, 202, headers, JSON)
