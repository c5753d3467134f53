"""Makes events of what happened: the same happening makes the same event, with the same id."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notification_contracts.webhooks import EventKind

from notification_ledger.reading import NotificationRecord, StatusChange, TimelineEntry
from notification_ledger.webhooks.endpoints import Endpoint, WebhookEvent

OPERATOR_KEY: Final = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a client called a notification, and whether it was asked for with a test key."""

    tags: tuple[str, ...] = ()
    reference: str | None = None
    is_test: bool = False


def status_event(change: StatusChange, labels: Labels) -> WebhookEvent:
    """Make the event of a status change. What can't be told apart by its content is the same."""
    what = (change.trace_id, _at(change.at), change.status.value, change.reason)
    return WebhookEvent(
        id=event_id(*what),
        kind=EventKind.STATUS_CHANGED,
        at=change.at,
        ordering_key=change.trace_id,
        data={
            "trace_id": change.trace_id,
            "status": change.status.value,
            "reason": change.reason,
            "channel": change.channel,
            "user_id": change.user_id,
            "reference": labels.reference,
            "tags": list(labels.tags),
            "is_test": labels.is_test,
        },
    )


def told_by(record: NotificationRecord, entry: TimelineEntry) -> StatusChange:
    """Make of an entry of a timeline the change that stood in the feed."""
    return StatusChange(
        id="",
        trace_id=record.trace_id,
        user_id=record.user_id,
        channel=entry.channel,
        status=entry.status,
        reason=entry.reason,
        at=entry.at,
    )


def operator_event(kind: EventKind, data: Mapping[str, object], at: datetime) -> WebhookEvent:
    """Make an event that concerns those who run the system."""
    named = [part for item in sorted(data.items(), key=_by_name) for part in map(str, item)]
    what = (kind.value, _at(at), *named)
    return WebhookEvent(
        id=event_id(*what), kind=kind, at=at, ordering_key=OPERATOR_KEY, data=dict(data)
    )


def event_id(*what: object) -> str:
    """Name an event by its content."""
    text = "\t".join("" if each is None else str(each) for each in what)
    return f"msg_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def may_want(endpoint: Endpoint, change: StatusChange) -> bool:
    """Tell whether an endpoint may want a status change, as far as can be told without labels."""
    settings = endpoint.settings
    return _passes(settings.statuses, change.status) and _passes(settings.channels, change.channel)


def wants(endpoint: Endpoint, event: WebhookEvent) -> bool:
    """Tell whether an endpoint is to be told of an event. A test is for all."""
    settings = endpoint.settings
    if event.kind is EventKind.TEST or event.kind not in settings.events:
        return event.kind is EventKind.TEST
    if event.kind is not EventKind.STATUS_CHANGED:
        return True
    tags = event.data.get("tags")
    return (
        _passes(settings.statuses, event.data.get("status"))
        and _passes(settings.channels, event.data.get("channel"))
        and (settings.tags is None or bool(set(settings.tags) & set(_texts(tags))))
    )


def _at(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _by_name(item: tuple[str, object]) -> str:
    return item[0]


def _texts(value: object) -> Collection[str]:
    return [str(each) for each in value] if isinstance(value, list) else ()


def _passes(wanted: Collection[str] | None, value: object) -> bool:
    return wanted is None or value in wanted
