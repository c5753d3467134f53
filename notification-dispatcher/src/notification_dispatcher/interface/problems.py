"""What each error of this service is answered with."""

from datetime import timedelta
from typing import Final

from durable_queue.port import QueueUnavailable
from notification_contracts.http.callers import NotForTestKeys
from notification_ledger.reading import LedgerUnavailable
from notification_providers.port import ForgedReceipt, UnreadableReceipt
from service_kit.http import openapi_parts
from service_kit.http.openapi_parts import Responses
from service_kit.http.problems import Problem, ProblemTable

from notification_dispatcher.application.outbox import NoOutbox, OutboxUnavailable
from notification_dispatcher.application.ports import (
    HealthReportsUnavailable,
    UnknownChannel,
    UnknownProvider,
)

_NOT_STORED: Final = Problem(
    503,
    "receipt_not_stored",
    "The receipt can't be stored now; post it again",
    timedelta(seconds=10),
)

PROBLEMS: Final[ProblemTable] = {
    UnknownProvider: Problem(404, "provider_not_found", "No provider of this name gives receipts"),
    ForgedReceipt: Problem(401, "forged_receipt", "The signature is missing or wrong"),
    UnreadableReceipt: Problem(422, "unreadable_receipt", "The receipt can't be understood"),
    LedgerUnavailable: _NOT_STORED,
    QueueUnavailable: _NOT_STORED,
    HealthReportsUnavailable: _NOT_STORED,
    NoOutbox: Problem(404, "no_outbox", "Nothing keeps what was sent here"),
    OutboxUnavailable: Problem(
        503, "outbox_unavailable", "What was sent can't be read now", timedelta(seconds=2)
    ),
    UnknownChannel: Problem(404, "channel_not_found", "No channel has this name"),
    NotForTestKeys: Problem(403, "test_key", "A test key touches nothing that is meant for people"),
}


def refusals(*errors: type[Exception]) -> Responses:
    """Describe what a call is answered with when it fails in these ways."""
    return openapi_parts.refusals(*(PROBLEMS[error] for error in errors))
