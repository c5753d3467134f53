"""Notifications: asking for them, finding them again, cancelling and following them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from gateway.interface import vocabulary as v
from gateway.interface.operations import (
    EVENT_STREAM,
    Body,
    JsonObject,
    Operation,
    Reply,
    problem,
    reference,
)

# Long enough that a gateway which runs for months still shows examples that are not in the past.
_EXAMPLE_WAIT: Final = timedelta(days=300)
_ACCEPTED: Final = Reply(
    status=202,
    description="Accepted: it will end as sent, failed with a reason, cancelled or expired.",
    schema=reference("NotificationAccepted"),
    example={
        "trace_id": v.EXAMPLE_TRACE_ID,
        "status": "queued",
        "status_url": f"/notifications/{v.EXAMPLE_TRACE_ID}",
    },
    headers={
        "Location": "Where the notification is found.",
        "Idempotent-Replayed": "`true` if this is the answer to an earlier request with this key.",
    },
    leads_to=("get_notification", "cancel_notification", "follow_notification"),
)
_STREAM: Final = Reply(
    status=200,
    description=(
        "Events of the type `status`, as they happen; their data is a StatusChange. Comments keep"
        " the connection open."
    ),
    schema={"type": "string"},
    media_type=EVENT_STREAM,
    example=(
        "event: status\n"
        "id: 1769850000000-0\n"
        f'data: {{"trace_id":"{v.EXAMPLE_TRACE_ID}","user_id":"user_test","channel":"email",'
        '"status":"sent","reason":null,"at":"2026-01-31T09:00:00.123Z"}\n\n'
    ),
)
_KEY_REUSED: Final = problem(
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_request",
    "The request is invalid",
    detail=(
        "`errors` names every bad field. `idempotency_key_reused`: the key belongs to another"
        " request."
    ),
)
_KEY_IN_USE: Final = problem(
    HTTPStatus.CONFLICT,
    "idempotency_key_in_use",
    "The first request with this key is in progress",
)
_HOW_TO_FOLLOW: Final = (
    " Whoever loses the connection comes back with `Last-Event-ID` and misses nothing. With `curl`,"
    " use `-N`; this page shows what arrives within five seconds."
)


def notification_operations(now: datetime) -> Sequence[Operation]:
    """List the calls; `now` is what the times in their examples are counted from."""
    return (_sending(now + _EXAMPLE_WAIT), *_OTHER_OPERATIONS)


def _sending(at: datetime) -> Operation:
    return Operation(
        method="POST",
        path="/notifications",
        name="send_notification",
        summary="Send a notification",
        description=(
            "Tells a user something, now or later. Without `channel` it goes the way that the user"
            " prefers. The body is read as JSON, whatever the `Content-Type`."
        ),
        parameters=(v.IDEMPOTENCY_KEY,),
        body=Body(schema="NotificationRequest", examples=_examples(at)),
        replies=(_ACCEPTED, *v.BODY_REFUSALS, _KEY_REUSED, _KEY_IN_USE, v.UNAVAILABLE),
    )


def _examples(at: datetime) -> dict[str, JsonObject]:
    least = {"user_id": "user_test", "message": "your purchase was completed successfully"}
    full = {**least, "channel": "email", "subject": "Thank you", "priority": "high"}
    later = {
        "send_at": at.isoformat(timespec="seconds"),
        "expires_at": (at + timedelta(hours=3)).isoformat(timespec="seconds"),
    }
    return {"the least": least, "by e-mail, at once": full, "later": {**full, **later}}


_OTHER_OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/notifications/forget",
        name="forget_notifications",
        summary="Forget what ended long ago",
        description=(
            "Forgets notifications that ended before a time, up to 10,000 a call; `more` says"
            " to call again. Dead letters stay. They are forgotten by themselves after"
            " `RETENTION_DAYS`, and earlier while memory is short."
        ),
        body=Body(
            schema="ForgetRequest",
            examples={"count them first": {"before": "2026-01-31T09:00:00Z", "dry_run": True}},
        ),
        replies=(
            Reply(status=200, description="How many.", schema=reference("ForgetAnswer")),
            *v.BODY_REFUSALS,
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/notifications",
        name="list_notifications",
        summary="List notifications",
        description="Gives a page of those that pass all filters, newest first.",
        parameters=(v.BY_STATUS, v.BY_USER, v.BY_CHANNEL, v.LIMIT, v.CURSOR),
        replies=(
            Reply(status=200, description="A page.", schema=reference("NotificationPage")),
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/notifications/{trace_id}",
        name="get_notification",
        summary="Find a notification",
        description="Tells where it is, why, and everything that happened to it.",
        parameters=(v.TRACE_ID,),
        replies=(
            Reply(status=200, description="The notification.", schema=reference("Notification")),
            v.INVALID_PATH,
            v.NO_SUCH_NOTIFICATION,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="DELETE",
        path="/notifications/{trace_id}",
        name="cancel_notification",
        summary="Cancel a notification",
        description=(
            "Withdraws it, unless it is being sent or has ended. Doing so twice is fine. If the"
            " answer has the `reason` `ambiguous`, it is not sent again, but an earlier attempt, of"
            " which nobody knows the outcome, may have reached the provider."
        ),
        parameters=(v.TRACE_ID,),
        replies=(
            Reply(
                status=200,
                description="The notification, cancelled; see above for `ambiguous`.",
                schema=reference("Notification"),
            ),
            v.INVALID_PATH,
            v.NO_SUCH_NOTIFICATION,
            problem(HTTPStatus.CONFLICT, "past_cancelling", "It is too late to cancel it"),
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/notifications/{trace_id}/events",
        name="follow_notification",
        summary="Follow a notification",
        description="Streams where it is now, then each change, until it has ended."
        + _HOW_TO_FOLLOW,
        parameters=(v.TRACE_ID, v.LAST_EVENT_ID),
        replies=(
            _STREAM,
            Reply(status=204, description="It has ended, and you have seen all of it."),
            v.INVALID_PATH,
            v.NO_SUCH_NOTIFICATION,
            v.INVALID,
            v.UNAVAILABLE,
        ),
        is_stream=True,
    ),
    Operation(
        method="GET",
        path="/events",
        name="follow_all",
        summary="Follow all notifications",
        description=(
            "Streams the status changes of all notifications. An event `missed` stands where some"
            " are no longer kept." + _HOW_TO_FOLLOW
        ),
        parameters=(v.LAST_EVENT_ID,),
        replies=(_STREAM, v.INVALID, v.UNAVAILABLE),
        is_stream=True,
    ),
)
