"""Counting records that are in memory."""

from collections import Counter
from collections.abc import Iterable, Mapping

from notification_contracts.states import Status

from notification_ledger.matching import is_over
from notification_ledger.reading import NotificationRecord


def count_by_status(records: Iterable[NotificationRecord]) -> Mapping[Status, int]:
    """Count records by status; of those that failed, the dead letters."""
    return Counter(record.status for record in records if not is_over(record))
