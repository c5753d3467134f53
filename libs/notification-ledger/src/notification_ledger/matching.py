"""Which records a query asks for, and in which order, as values in memory."""

from notification_contracts.states import Status
from service_kit.epoch import to_ms

from notification_ledger.cursors import Position
from notification_ledger.reading import NotificationRecord, RecordQuery


def position_of(record: NotificationRecord) -> Position:
    """Return where a record stands in a list: by when it was made."""
    return to_ms(record.created_at), record.trace_id


def is_over(record: NotificationRecord) -> bool:
    """Tell whether it failed for good: it is no dead letter, or was deleted."""
    return record.status is Status.FAILED and not record.is_dead_letter


def matches(record: NotificationRecord, query: RecordQuery) -> bool:
    """Tell whether a record passes all filters of a query."""
    wanted = (
        (query.status, record.status),
        (query.user_id, record.user_id),
        (query.channel, record.channel),
        (query.reason, record.reason),
        (query.reference, record.reference),
        (query.dead_letters or None, record.is_dead_letter),
    )
    at = record.updated_at
    return (
        all(filter_ is None or filter_ == value for filter_, value in wanted)
        and (query.tag is None or query.tag in record.tags)
        and (query.since is None or query.since <= at)
        and (query.until is None or at < query.until)
    )
