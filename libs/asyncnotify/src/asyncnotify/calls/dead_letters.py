"""The calls about notifications that were given up."""

from collections.abc import AsyncGenerator

from asyncnotify.calls.base import Calls, given, segment
from asyncnotify.models.notifications import (
    Notification,
    NotificationPage,
    Replayed,
    ReplayedNotification,
)
from asyncnotify.models.operating import DeadLetterGroups


class DeadLetterCalls(Calls):
    """The calls about dead letters."""

    async def dead_letters(self, /, **filters: object) -> NotificationPage:
        """Return one page of given-up notifications, newest first: reason, channel, limit, …"""
        return await self._get(NotificationPage, "/dead-letters", filters)

    def iter_dead_letters(
        self, /, *, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[Notification, None]:
        """Yield given-up notifications, newest first, at most `limit`."""
        return self._pages(NotificationPage, "/dead-letters", limit, filters)

    async def dead_letter_groups(self) -> DeadLetterGroups:
        """Return how many there are of each reason on each channel."""
        return await self._get(DeadLetterGroups, "/dead-letters/groups")

    async def dead_letter(self, trace_id: str) -> Notification:
        """Return one of them.

        Raises:
            NotFound: no dead letter has this trace id.
        """
        return await self._get(Notification, _path(trace_id))

    async def replay(self, trace_id: str) -> ReplayedNotification:
        """Queue one dead letter again; `warning` is set if it may have been sent before."""
        return await self._ask(ReplayedNotification, "POST", f"{_path(trace_id)}/replay")

    async def replay_many(self, /, **filters: object) -> Replayed:
        """Queue dead letters again by filter: reason, channel, since, until, limit, dry_run.

        All of them only with `all=True`.
        """
        return await self._ask(Replayed, "POST", "/dead-letters/replay", body=given(filters))

    async def delete_dead_letter(self, trace_id: str) -> None:
        """Forget one dead letter."""
        await self._do("DELETE", _path(trace_id))


def _path(trace_id: str) -> str:
    return f"/dead-letters/{segment('trace_id', trace_id)}"
