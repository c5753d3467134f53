"""Asking for many notifications in one call."""

import hashlib
from collections.abc import Sequence
from typing import Final

from durable_queue.port import QueueError, QueueFull, QueueUnavailable
from fastapi import APIRouter, Request, Response
from notification_contracts.http import NotificationRequest
from notification_contracts.http.callers import caller_of
from notification_contracts.http.scopes import Scope, needs
from pydantic import Field
from pydantic_core import to_json
from service_kit.http.batches import (
    BatchItem,
    batch_answers,
    batch_model,
    batch_response,
    read_batch,
    refused_item,
)
from service_kit.http.openapi_parts import JsonObject, json_body
from service_kit.http.problems import INVALID_REQUEST, ProblemError
from service_kit.http.requests import log_request_as, request_id_of
from service_kit.http.routes import LeanRoute

from notification_publisher.application.ports import Acceptance, PublisherError, TimesNotGranted
from notification_publisher.application.publishing import Asked, PublishNotification
from notification_publisher.interface.asked import (
    KEY_PARAMETER,
    KEY_SCHEMA,
    is_key,
    key_fault,
    key_in_header,
    notification_in,
    segments_of,
    times_refused,
)
from notification_publisher.interface.parameters import EXAMPLE_TRACE_ID
from notification_publisher.interface.problems import PROBLEMS, refusals

_NAME: Final = "notifications"
_KEY: Final = "idempotency_key"


class NotificationInBatch(NotificationRequest):
    """One notification of a batch."""

    idempotency_key: str | None = Field(
        default=None,
        description="As the header `Idempotency-Key` of a call for it alone.",
        json_schema_extra={"anyOf": [KEY_SCHEMA, {"type": "null"}]},
    )


class NotificationBatchItem(BatchItem):
    """What became of one notification: `202` and its trace id, or why it was refused."""

    trace_id: str | None = None
    status_url: str | None = None
    replayed: bool | None = Field(
        default=None, description="True if it was accepted by an earlier call with this key."
    )
    segments: int | None = Field(default=None, description="As in the answer to one.")


_BODY: Final = batch_model("ReadNotifications", _NAME, object)
_DESCRIBED_BODY: Final = batch_model("NotificationBatch", _NAME, NotificationInBatch)
_KEY_OF_BATCH: Final = {
    **KEY_PARAMETER,
    "description": (
        "Your own name for this batch, kept for 24 hours. Those of its notifications that have no "
        "`idempotency_key` get one that is made of this and their place in the list, so that the "
        "same batch may be sent again."
    ),
}
_EXAMPLES: Final = {
    "two": {
        _NAME: [
            {"user_id": "user_test", "message": "hello", "idempotency_key": "order-7"},
            {"user_id": "user_test", "message": "and thank you", "channel": "sms"},
        ]
    }
}
_ANSWER: Final = batch_answers(
    "NotificationBatchAnswer",
    NotificationBatchItem,
    [
        {
            "status": 202,
            "trace_id": EXAMPLE_TRACE_ID,
            "status_url": f"/notifications/{EXAMPLE_TRACE_ID}",
        }
    ],
)


def batch_routes(publish: PublishNotification) -> APIRouter:
    """Build the route by which many notifications come in."""
    router = APIRouter(tags=["notifications"], route_class=LeanRoute)

    @router.post(
        "/notifications/batch",
        summary="Send many notifications",
        response_class=Response,
        responses=_ANSWER | refusals(QueueUnavailable, QueueFull),
        openapi_extra={
            **needs(Scope.SEND),
            "parameters": [_KEY_OF_BATCH],
            **json_body(_DESCRIBED_BODY, _EXAMPLES),
        },
    )
    async def send_notifications(request: Request) -> Response:
        """Takes up to 500 at once, and answers for each as if it had been sent alone: one that is
        refused keeps no other from being taken. The pointers of its `problem` begin at the item.
        The answer is `503` only if none was accepted; else single items have that status.
        """
        key, faults = key_in_header(request)
        items = await read_batch(request, _BODY)
        if faults:
            raise ProblemError(INVALID_REQUEST, errors=faults)
        read = [_read(item, _own_key(key, place)) for place, item in enumerate(items)]
        good = [each for each in read if isinstance(each, Asked)]
        caller = caller_of(request.scope["headers"])
        accepted = await publish.each(good, caller=caller, request_id=request_id_of(request))
        _refuse_if_none_could_be_taken(accepted)
        _log(request, items, accepted)
        outcomes = iter(zip(good, accepted, strict=True))
        return batch_response(
            [_shown(*next(outcomes)) if isinstance(each, Asked) else each for each in read]
        )

    return router


def _own_key(key: str | None, place: int) -> str | None:
    # A digest: together they may be longer than a key may be.
    return key and f"batch-{hashlib.sha256(f'{place} {key}'.encode()).hexdigest()}"


def _read(item: object, key: str | None) -> Asked | JsonObject:
    """Return what an item asks for, or the answer that refuses it."""
    faults = []
    if isinstance(item, dict) and (own := item.pop(_KEY, None)) is not None:
        key = own
        faults = [] if is_key(own) else [key_fault(f"/{_KEY}")]
    try:
        # As JSON, as the call for one has it: both say the same in the same words.
        asked = Asked(notification=notification_in(to_json(item)), key=key)
    except ProblemError as error:
        error.errors = [*error.errors, *faults]
        return refused_item(error, PROBLEMS)
    return refused_item(ProblemError(INVALID_REQUEST, errors=faults), PROBLEMS) if faults else asked


def _refuse_if_none_could_be_taken(
    outcomes: Sequence[Acceptance | PublisherError | QueueError],
) -> None:
    failures = [each for each in outcomes if isinstance(each, QueueError)]
    if failures and not any(isinstance(each, Acceptance) for each in outcomes):
        raise failures[0]


def _log(
    request: Request,
    items: Sequence[object],
    outcomes: Sequence[Acceptance | PublisherError | QueueError],
) -> None:
    accepted = [each for each in outcomes if isinstance(each, Acceptance)]
    failures = [str(each) for each in outcomes if isinstance(each, QueueError)]
    log_request_as(
        request,
        "notifications.accepted",
        accepted=len(accepted),
        replayed=sum(each.replayed for each in accepted),
        refused=len(items) - len(accepted) - len(failures),
        failed=len(failures),
        error=failures[0] if failures else None,
    )


def _shown(asked: Asked, outcome: Acceptance | PublisherError | QueueError) -> JsonObject:
    if isinstance(outcome, TimesNotGranted):
        return refused_item(times_refused(outcome), PROBLEMS)
    if not isinstance(outcome, Acceptance):
        return refused_item(outcome, PROBLEMS)
    shown: JsonObject = {
        "status": 202,
        "trace_id": outcome.trace_id,
        "status_url": f"/notifications/{outcome.trace_id}",
    }
    if outcome.replayed:
        shown["replayed"] = True
    segments = segments_of(asked.notification)
    return shown if segments is None else {**shown, "segments": segments}
