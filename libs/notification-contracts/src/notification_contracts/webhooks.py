"""The words of status webhooks."""

from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """What an endpoint can be told. It is the `type` of the event, too."""

    STATUS_CHANGED = "notification.status_changed"
    BREAKER_OPENED = "provider.breaker_opened"
    DEAD_LETTERS_PILED_UP = "dead_letters.piled_up"
    ADDRESS_HEALTH_DROPPED = "address.health_dropped"
    ENDPOINT_DISABLED = "webhook.disabled"
    TEST = "webhook.test"


OPERATOR_EVENTS: Final = (
    EventKind.BREAKER_OPENED,
    EventKind.DEAD_LETTERS_PILED_UP,
    EventKind.ADDRESS_HEALTH_DROPPED,
    EventKind.ENDPOINT_DISABLED,
)
"""What concerns those who run the system, and no single notification."""


class WebhookFormat(StrEnum):
    """How an event is written: as Standard Webhooks recommend, or as a CloudEvent."""

    STANDARD = "standard"
    CLOUDEVENTS = "cloudevents"


class DisabledFor(StrEnum):
    """Why an endpoint gets nothing."""

    OPERATOR = "operator"  # somebody asked for it
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # it has taken nothing for days
    BACKLOG_FULL = "backlog_full"  # too many events wait for it


class AttemptOutcome(StrEnum):
    """What became of an attempt to tell an endpoint of an event."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    GIVEN_UP = "given_up"
    GONE = "gone"
