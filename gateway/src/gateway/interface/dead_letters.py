"""Dead letters: notifications that were given up, kept until someone replays or deletes them."""

from http import HTTPStatus
from typing import Final

from gateway.interface import vocabulary as v
from gateway.interface.operations import Body, Operation, Reply, problem, reference

_WISH: Final = Body(
    schema="ReplayRequest",
    examples={
        "try it first": {"reason": "provider_unavailable", "dry_run": True},
        "an outage": {
            "channel": "sms",
            "since": "2026-01-31T09:00:00Z",
            "until": "2026-01-31T10:00:00Z",
            "limit": 500,
        },
    },
)
_NO_SUCH: Final = problem(
    HTTPStatus.NOT_FOUND, "dead_letter_not_found", "No dead letter has this trace id"
)
_NOT_ANY_MORE: Final = problem(HTTPStatus.CONFLICT, "not_a_dead_letter", "It is no dead letter")

DEAD_LETTER_OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/dead-letters",
        name="list_dead_letters",
        summary="List dead letters",
        description="Gives a page of what was given up and neither replayed nor deleted since.",
        parameters=(v.BY_REASON, v.BY_CHANNEL, v.LIMIT, v.CURSOR),
        replies=(
            Reply(status=200, description="A page.", schema=reference("DeadLetterPage")),
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="GET",
        path="/dead-letters/{trace_id}",
        name="get_dead_letter",
        summary="Find a dead letter",
        description="Tells why it was given up, and everything that happened to it.",
        parameters=(v.TRACE_ID,),
        replies=(
            Reply(status=200, description="The dead letter.", schema=reference("Notification")),
            v.INVALID_PATH,
            _NO_SUCH,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="POST",
        path="/dead-letters/{trace_id}/replay",
        name="replay_dead_letter",
        summary="Replay a dead letter",
        description=(
            "Queues it again, its attempts counted anew. `warning` is set if an earlier attempt may"
            " have reached the provider, so that the user may get it twice."
        ),
        parameters=(v.TRACE_ID,),
        replies=(
            Reply(
                status=202,
                description="The notification, queued again.",
                schema=reference("ReplayedNotification"),
            ),
            v.INVALID_PATH,
            _NO_SUCH,
            _NOT_ANY_MORE,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="POST",
        path="/dead-letters/replay",
        name="replay_dead_letters",
        summary="Replay many dead letters",
        description=(
            "Queues all again that pass the filters, oldest first and spaced, so that they do not"
            " flood a provider. Without a filter it takes `all`. `dry_run` only tells which they"
            " are. `ambiguous` counts those of which an earlier attempt may have reached the"
            " provider; `warning` says so in words."
        ),
        body=_WISH,
        replies=(
            Reply(status=200, description="What was queued.", schema=reference("ReplayAnswer")),
            *v.BODY_REFUSALS,
            v.INVALID,
            v.UNAVAILABLE,
        ),
    ),
    Operation(
        method="DELETE",
        path="/dead-letters/{trace_id}",
        name="delete_dead_letter",
        summary="Delete a dead letter",
        description=(
            "Forgets its message for good; what happened to it stays on record. Doing so twice is"
            " fine."
        ),
        parameters=(v.TRACE_ID,),
        replies=(
            Reply(status=204, description="Deleted."),
            v.INVALID_PATH,
            _NO_SUCH,
            _NOT_ANY_MORE,
            v.UNAVAILABLE,
        ),
    ),
)
