"""Dead letters by reason and channel."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from notification_ledger.reading import DeadLetterGroup, DeadLetterGroups, NotificationRecord


class GroupCounts:
    """Gathers counts, of one dead letter or of many."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str | None, str | None], DeadLetterGroup] = {}

    def add(
        self,
        reason: str | None,
        channel: str | None,
        count: int,
        oldest_at: datetime,
        newest_at: datetime,
    ) -> None:
        """Add so many that were given up between these times."""
        known = self._groups.get((reason, channel))
        more = DeadLetterGroup(
            reason=reason, channel=channel, count=count, oldest_at=oldest_at, newest_at=newest_at
        )
        if known is not None:
            more = replace(
                known,
                count=known.count + count,
                oldest_at=min(known.oldest_at, oldest_at),
                newest_at=max(known.newest_at, newest_at),
            )
        self._groups[reason, channel] = more

    def groups(self, *, is_complete: bool) -> DeadLetterGroups:
        """Return what was gathered, the largest group first."""
        items = sorted(
            self._groups.values(),
            key=lambda each: (-each.count, each.reason or "", each.channel or ""),
        )
        return DeadLetterGroups(items=tuple(items), is_complete=is_complete)


def group_dead_letters(records: Iterable[NotificationRecord]) -> DeadLetterGroups:
    """Group those of the records that are dead letters."""
    counts = GroupCounts()
    for record in records:
        if record.is_dead_letter:
            at = record.updated_at
            counts.add(record.reason, record.channel, 1, at, at)
    return counts.groups(is_complete=True)
