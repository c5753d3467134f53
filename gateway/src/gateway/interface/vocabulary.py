"""What the descriptions of several calls have in common: parameters and refusals."""

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from notification_contracts.events import USER_ID_MAX_CHARS

from gateway.interface.operations import Parameter, problem, reference

EXAMPLE_TRACE_ID: Final = "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10"

TRACE_ID: Final = Parameter(
    name="trace_id",
    place="path",
    description="The notification's trace id, as the `202` answer gave it.",
    schema={"type": "string"},
    example=EXAMPLE_TRACE_ID,
)
USER_ID: Final = Parameter(
    name="user_id",
    place="path",
    description="The user's id; percent-encode what a segment of a path cannot hold, such as `/`.",
    schema={"type": "string", "minLength": 1, "maxLength": USER_ID_MAX_CHARS},
    example="user_test",
)
# Storing and forgetting are tried out on someone else than the user that all examples write to.
SOMEONE: Final = replace(USER_ID, example="ada")
BY_STATUS: Final = Parameter(
    name="status",
    place="query",
    description="Only those with this status.",
    schema=reference("Status"),
)
BY_USER: Final = Parameter(
    name="user_id",
    place="query",
    description="Only those to this user.",
    schema={"type": "string", "minLength": 1, "maxLength": USER_ID_MAX_CHARS},
)
BY_CHANNEL: Final = Parameter(
    name="channel",
    place="query",
    description="Only those on this channel.",
    schema=reference("Channel"),
)
BY_REASON: Final = Parameter(
    name="reason",
    place="query",
    description="Only those with this reason, such as `unknown_user`.",
    schema={"type": "string", "minLength": 1, "maxLength": 64},
)
LIMIT: Final = Parameter(
    name="limit",
    place="query",
    description="How many items the page may hold.",
    schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
)
CURSOR: Final = Parameter(
    name="cursor",
    place="query",
    description="`next_cursor` of the page before; without it, the first page.",
    schema={"type": "string", "maxLength": 1024},
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description=(
        "A name of your own for this request, kept for 24 hours: the same request under the same "
        "key gets the first answer again, and makes no second notification."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
LAST_EVENT_ID: Final = Parameter(
    name="Last-Event-ID",
    place="header",
    description="The `id` of the last event that was seen; the stream goes on after it.",
    schema={"type": "string"},
)

UNAVAILABLE: Final = problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "upstream_unavailable",
    "A part of the system cannot be reached; nothing was done",
    detail=(
        "Other codes tell which part cannot do its work, such as `queue_unavailable`. After "
        "`upstream_timeout` and `upstream_failed` it may have been done all the same. Any call may "
        "be repeated; give `POST /notifications` an `Idempotency-Key` for that."
    ),
    Retry_After="Seconds to wait before the next try.",
)
INVALID: Final = problem(
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_request",
    "The request is invalid",
    detail="`errors` names every bad field.",
)
INVALID_PATH: Final = problem(HTTPStatus.BAD_REQUEST, "invalid_path", "The path is not valid UTF-8")
NO_SUCH_NOTIFICATION: Final = problem(
    HTTPStatus.NOT_FOUND, "notification_not_found", "No notification has this trace id"
)
NO_SUCH_USER: Final = problem(HTTPStatus.NOT_FOUND, "user_not_found", "Nobody has this user id")

# What can be wrong with any body, besides its fields.
BODY_REFUSALS: Final = (
    problem(HTTPStatus.BAD_REQUEST, "invalid_json", "The body is not valid JSON"),
    problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "The body is too large"),
    problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_encoding",
        "The body is compressed; send it as it is",
        Accept_Encoding="`identity`",
    ),
)
