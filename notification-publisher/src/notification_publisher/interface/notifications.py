"""Asking for notifications, and finding them again."""

from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any, Final

from durable_queue.port import MessageControl, QueueFull, QueueUnavailable
from fastapi import APIRouter, Request, Response
from notification_contracts.http import (
    NotificationAccepted,
    NotificationRequest,
)
from notification_contracts.http.callers import Caller, NotForTestKeys, caller_of
from notification_contracts.http.scopes import Scope, needs
from notification_ledger.reading import LedgerReader, LedgerUnavailable, RecordQuery
from service_kit.http.bodies import read_body
from service_kit.http.hot import JSON_HEAD, HotAnswer, HotCall, HotRequest
from service_kit.http.openapi_parts import JSON, JsonObject, answer, in_days, json_body
from service_kit.http.pages import Cursor
from service_kit.http.problems import INVALID_REQUEST, ProblemError
from service_kit.http.requests import log_request_as, request_id_of
from service_kit.http.routes import LeanRoute
from service_kit.http.waiting import APPLIED_MEANS
from service_kit.logs import bind_contextvars

from notification_publisher.application.ports import (
    Acceptance,
    KeyReused,
    PastCancelling,
    TimesNotGranted,
    UnknownNotification,
)
from notification_publisher.application.publishing import PublishNotification
from notification_publisher.application.tracking import CancelNotification, ShowNotification
from notification_publisher.domain.notification import Notification
from notification_publisher.interface.answers import notification_answer, page_answer
from notification_publisher.interface.asked import (
    KEY_HEADER,
    KEY_PARAMETER,
    is_key,
    key_in_header,
    notification_in,
    segments_of,
    times_refused,
)
from notification_publisher.interface.parameters import (
    EXAMPLE_TRACE_ID,
    Filters,
    Limit,
    TraceIdInPath,
)
from notification_publisher.interface.problems import refusals
from notification_publisher.interface.views import (
    EndedNotificationView,
    NotificationPage,
    NotificationView,
)
from notification_publisher.interface.waiting import PREFER_PARAMETER, Waits

_PATHS: Final = ("/notifications", "/notification")
_ACCEPTED_EVENT: Final = "notification.accepted"
_LEAST: Final[dict[str, Any]] = {
    "user_id": "user_test",
    "message": "your purchase was completed successfully",
}
_FULL: Final[dict[str, Any]] = {
    **_LEAST,
    "channel": "email",
    "subject": "Thank you",
    "priority": "high",
}
_EXAMPLES: Final = {
    "the least": _LEAST,
    "by e-mail, at once": _FULL,
    "with HTML, found again by your own id": {
        **_FULL,
        "html": "<p>Thank you for your purchase.</p>",
        "tags": ["orders"],
        "reference": "order-7",
    },
    # Far enough that a service which runs for months shows no time in the past.
    "later": {**_FULL, "send_at": in_days(300), "expires_at": in_days(301)},
}
_ACCEPTED: Final = answer(
    202,
    "Accepted: it will end as sent, failed with a reason, cancelled or expired.",
    NotificationAccepted,
    example={
        "trace_id": EXAMPLE_TRACE_ID,
        "status": "queued",
        "status_url": f"/notifications/{EXAMPLE_TRACE_ID}",
    },
    headers={
        **APPLIED_MEANS,
        "Location": "Where the notification is found.",
        "Idempotent-Replayed": "`true` if this is the answer to an earlier request with this key.",
    },
    leads_to=("get_notification", "cancel_notification", "follow_notification"),
)
_ENDED: Final = answer(
    200,
    "It has ended while the call waited for that, as `Prefer` asks for.",
    EndedNotificationView,
    headers=APPLIED_MEANS,
)


def sending_routes(publish: PublishNotification, waits: Waits) -> APIRouter:
    """Build the route by which notifications come in, under both of its names.

    It is the hot path: the body is parsed once, and the answer is bytes from the start.
    """
    router = APIRouter(tags=["notifications"], route_class=LeanRoute)

    async def send_notification(request: Request) -> Response:
        """Tells a user something, now or later. Without `channel` it goes the way that the user
        prefers. The body is read as JSON, whatever the `Content-Type`. With `Prefer: wait=5` the
        answer is `200` with the notification, if it ends within 5 seconds.
        """
        asked, key = _read(request, await read_body(request))
        caller = caller_of(request.scope["headers"])
        try:
            acceptance = await publish(
                asked, key=key, caller=caller, request_id=request_id_of(request)
            )
        except TimesNotGranted as error:
            raise times_refused(error) from None
        bind_contextvars(trace_id=acceptance.trace_id)
        log_request_as(request, _ACCEPTED_EVENT, **_logged(acceptance, asked, caller))
        shown = _shown(acceptance, asked)
        accepted = _accepted(acceptance, asked)
        return await waits.after_accepting(request, accepted, acceptance.trace_id, shown)

    for path in _PATHS:
        router.add_api_route(
            path,
            send_notification,
            methods=["POST"],
            summary="Send a notification",
            status_code=202,
            response_class=Response,
            responses=_ENDED | _ACCEPTED | refusals(KeyReused, QueueUnavailable, QueueFull),
            openapi_extra={
                **needs(Scope.SEND),
                "parameters": [KEY_PARAMETER, PREFER_PARAMETER],
                **json_body(NotificationRequest, _EXAMPLES),
            },
            include_in_schema=path == _PATHS[0],
        )
    return router


def hot_calls(publish: PublishNotification) -> list[HotCall]:
    """Build the hot calls of the same route."""

    def send_notification(request: HotRequest) -> Awaitable[HotAnswer] | None:
        given = request.headers.get(KEY_HEADER)
        key = None if given is None else given.decode("latin-1")
        if key is not None and not is_key(key):
            return None
        try:
            asked = notification_in(request.body)
        except ProblemError:
            return None
        return accept(request, asked, key)

    async def accept(request: HotRequest, asked: Notification, key: str | None) -> HotAnswer:
        caller = caller_of(request.headers.items())
        try:
            acceptance = await publish(asked, key=key, caller=caller, request_id=request.request_id)
        except TimesNotGranted as error:
            raise times_refused(error) from None
        request.fields = {"trace_id": acceptance.trace_id, **_logged(acceptance, asked, caller)}
        head = b"%blocation: /notifications/%b\r\n" % (JSON_HEAD, acceptance.trace_id.encode())
        if acceptance.replayed:
            head += b"idempotent-replayed: true\r\n"
        return HotAnswer(202, _body(acceptance, asked), head)

    return [
        HotCall(path=path, handle=send_notification, event=_ACCEPTED_EVENT, unless=(b"prefer",))
        for path in _PATHS
    ]


def tracking_routes(ledger: LedgerReader, control: MessageControl, waits: Waits) -> APIRouter:
    """Build the routes by which notifications are found again, and withdrawn."""
    router = APIRouter(tags=["notifications"], default_response_class=Response)
    show = ShowNotification(ledger=ledger)
    cancel = CancelNotification(control=control, show=show)

    @router.get(
        "/notifications",
        summary="List notifications",
        responses=answer(200, "A page.", NotificationPage) | refusals(LedgerUnavailable),
    )
    async def list_notifications(
        filters: Filters, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        """Gives a page of those that pass all filters, newest first."""
        query = RecordQuery(**asdict(filters), limit=limit, cursor=cursor)
        return await page_answer(ledger, query)

    @router.get(
        "/notifications/{trace_id}",
        summary="Find a notification",
        responses=answer(200, "The notification.", NotificationView)
        | refusals(UnknownNotification, LedgerUnavailable),
        openapi_extra={"parameters": [PREFER_PARAMETER]},
    )
    async def get_notification(trace_id: TraceIdInPath, request: Request) -> Response:
        """Tells where it is, why, and everything that happened to it."""
        return await waits.before_showing(request, await show(trace_id))

    @router.delete(
        "/notifications/{trace_id}",
        summary="Cancel a notification",
        responses=answer(
            200, "The notification, cancelled; see above for `ambiguous`.", NotificationView
        )
        | refusals(
            UnknownNotification, PastCancelling, NotForTestKeys, QueueUnavailable, LedgerUnavailable
        ),
        openapi_extra=needs(Scope.SEND),
    )
    async def cancel_notification(trace_id: TraceIdInPath, request: Request) -> Response:
        """Withdraws it, unless it is being sent or has ended. Doing so twice is fine. If the answer
        has the `reason` `ambiguous`, it is not sent again, but an earlier attempt, whose outcome is
        unknown, may have reached the provider.
        """
        is_test = caller_of(request.scope["headers"]).is_test
        return notification_answer(await cancel(trace_id, only_tests=is_test))

    return router


def _read(request: Request, body: bytes) -> tuple[Notification, str | None]:
    """Return what is asked for, and the idempotency key; name all that is wrong with either."""
    key, faults = key_in_header(request)
    try:
        asked = notification_in(body)
    except ProblemError as error:
        if error.problem is INVALID_REQUEST:
            error.errors = [*error.errors, *faults]
        raise
    if faults:
        raise ProblemError(INVALID_REQUEST, errors=faults)
    return asked, key


def _shown(acceptance: Acceptance, asked: Notification) -> JsonObject:
    shown: JsonObject = {"status_url": f"/notifications/{acceptance.trace_id}"}
    segments = segments_of(asked)
    return shown if segments is None else shown | {"segments": segments}


def _accepted(acceptance: Acceptance, asked: Notification) -> Response:
    headers = {"Location": f"/notifications/{acceptance.trace_id}"}
    if acceptance.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(_body(acceptance, asked), 202, headers, JSON)


def _body(acceptance: Acceptance, asked: Notification) -> bytes:
    trace_id, segments = acceptance.trace_id, segments_of(asked)
    rest = "" if segments is None else f',"segments":{segments}'
    place = f"/notifications/{trace_id}"
    return (
        f'{{"trace_id":"{trace_id}","status":"{acceptance.status.value}","status_url":"{place}"{rest}}}'
    ).encode()


def _logged(acceptance: Acceptance, asked: Notification, caller: Caller) -> dict[str, object]:
    logged: dict[str, object] = {
        "user_id": asked.user_id,
        "channel": asked.channel,
        # Plain strings: rendering an enum costs as much as rendering the rest of the line.
        "priority": asked.priority.value,
        "first_status": acceptance.status.value,
        "replayed": acceptance.replayed,
    }
    return logged | {"is_test": True} if caller.is_test else logged
