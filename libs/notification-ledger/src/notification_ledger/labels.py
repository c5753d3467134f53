"""Which records have a tag or a reference, in memory: a list of few is not looked for among all."""

from collections.abc import Collection
from typing import Final

from notification_ledger.reading import NotificationRecord, RecordQuery

_Label = tuple[str, str]
_NONE: Final[frozenset[_Label]] = frozenset()


class LabelIndex:
    """The ids of records by each of their labels."""

    def __init__(self) -> None:
        self._ids: dict[_Label, dict[str, None]] = {}

    def update(
        self, trace_id: str, was: NotificationRecord | None, now: NotificationRecord | None
    ) -> None:
        """Follow a record from what it was to what it is; None where there was or is none."""
        before, after = _labels_of(was), _labels_of(now)
        for label in before - after:
            ids = self._ids[label]
            del ids[trace_id]
            if not ids:
                del self._ids[label]
        for label in after - before:
            self._ids.setdefault(label, {})[trace_id] = None

    def candidates(self, query: RecordQuery) -> Collection[str] | None:
        """Return the fewest ids among which all that a query asks for are; None if all may be."""
        asked = [("tag", query.tag), ("reference", query.reference)]
        found = [self._ids.get((kind, name), {}) for kind, name in asked if name is not None]
        return min(found, key=len, default=None)


def _labels_of(record: NotificationRecord | None) -> frozenset[_Label]:
    if record is None or not (record.tags or record.reference):
        return _NONE
    reference = [("reference", record.reference)] if record.reference else []
    return frozenset([*(("tag", tag) for tag in record.tags), *reference])
