"""What each error of this service is answered with."""

from datetime import timedelta
from typing import Final

from durable_queue.port import QueueFull, QueueUnavailable, UnsafeBroker
from notification_contracts.http.callers import NotForTestKeys
from notification_ledger.channel_pauses import PausesNotKept
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.webhooks.port import (
    EndpointChanged,
    TooManyEndpoints,
    UnknownAttempt,
    UnknownEndpoint,
    WebhooksNotKept,
    WebhooksUnavailable,
)
from service_kit.http import openapi_parts
from service_kit.http.fields import FieldError
from service_kit.http.openapi_parts import Responses
from service_kit.http.problems import INVALID_REQUEST, Problem, ProblemError, ProblemTable

from notification_publisher.application.ports import (
    ContentGone,
    EndpointDisabled,
    KeyReused,
    NoSuchChannel,
    NotADeadLetter,
    PastCancelling,
    UnknownDeadLetter,
    UnknownNotification,
)

_SOON: Final = timedelta(seconds=2)
_LATER: Final = timedelta(seconds=10)
_NOT_NOW: Final = Problem(
    503, "queue_unavailable", "Notifications can't be taken or changed now", _SOON
)

PROBLEMS: Final[ProblemTable] = {
    QueueUnavailable: _NOT_NOW,
    UnsafeBroker: _NOT_NOW,
    QueueFull: Problem(503, "queue_full", "Too many notifications are waiting", _LATER),
    LedgerUnavailable: Problem(
        503, "ledger_unavailable", "The record of notifications can't be read now", _SOON
    ),
    UnknownNotification: Problem(
        404,
        "notification_not_found",
        "No notification has this trace id",
        detail="No notification has this trace id: it was never accepted, or it ended longer ago "
        "than RETENTION_DAYS.",
    ),
    PastCancelling: Problem(409, "past_cancelling", "It is too late to cancel it"),
    ContentGone: Problem(410, "content_gone", "What was asked for can't be shown any more"),
    KeyReused: Problem(
        422, "idempotency_key_reused", "This Idempotency-Key belongs to another request"
    ),
    UnknownDeadLetter: Problem(404, "dead_letter_not_found", "No dead letter has this trace id"),
    NoSuchChannel: Problem(404, "channel_not_found", "No channel has this name"),
    PausesNotKept: Problem(
        409, "pauses_not_kept", "A pause would be forgotten here when the publisher restarts"
    ),
    NotADeadLetter: Problem(409, "not_a_dead_letter", "It is not a dead letter"),
    WebhooksNotKept: Problem(
        409,
        "webhooks_not_kept",
        "Status webhooks need records in Redis; LEDGER_URL says where records are",
    ),
    WebhooksUnavailable: Problem(
        503, "webhooks_unavailable", "Webhooks can't be read or changed now", _SOON
    ),
    UnknownEndpoint: Problem(404, "webhook_not_found", "No webhook has this id"),
    UnknownAttempt: Problem(404, "attempt_not_found", "No attempt has this id, or it is too old"),
    EndpointChanged: Problem(409, "webhook_changed", "It is being changed; try again"),
    TooManyEndpoints: Problem(409, "too_many_webhooks", "There is no room for one more webhook"),
    EndpointDisabled: Problem(409, "webhook_disabled", "It is disabled; enable it first"),
    NotForTestKeys: Problem(403, "test_key", "A test key touches nothing that is meant for people"),
}


def refusals(*errors: type[Exception]) -> Responses:
    """Describe what a call is answered with when it fails in these ways."""
    return openapi_parts.refusals(*(PROBLEMS[error] for error in errors))


def refused(pointer: str, code: str, message: str) -> ProblemError:
    """Refuse a request for one of its parts."""
    fault = FieldError(pointer=pointer, code=code, message=message)
    return ProblemError(INVALID_REQUEST, errors=[fault])
