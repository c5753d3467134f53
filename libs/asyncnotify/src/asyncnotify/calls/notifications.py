"""Sending, following and finding notifications."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from math import ceil
from typing import Final

from asyncnotify.calls.base import Calls, given, idempotency_header, segment
from asyncnotify.errors import AsyncNotifyError
from asyncnotify.following import Following, OnReconnect, log_reconnect
from asyncnotify.models.notifications import (
    Accepted,
    Content,
    Explanation,
    Foreseen,
    Forgotten,
    Notification,
    NotificationPage,
    StatusChange,
)
from asyncnotify.not_ended import NotEnded

_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two looks at a notification whose changes don't come, and while they seem to."""


class NotificationCalls(Calls):
    """The calls about notifications."""

    async def send(  # noqa: PLR0913 - one for each field of the API
        self,
        /,
        user_id: str,
        message: str,
        *,
        channel: str | None = None,
        subject: str | None = None,
        priority: str | None = None,
        send_at: datetime | str | None = None,
        expires_at: datetime | str | None = None,
        html: str | None = None,
        data: Mapping[str, object] | None = None,
        tags: Sequence[str] | None = None,
        reference: str | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
        **fields: object,
    ) -> Accepted:
        """Ask that a user be told something.

        Without `channel` it goes the way that the user prefers. `fields` are those that this
        version does not know by name. Attempts share an idempotency key, so that one call makes one
        notification; with an `idempotency_key` of yours the call itself may be repeated safely for
        24 hours.

        With `wait` the answer comes when the notification has ended, or after so many seconds (at
        most 30): `is_final` tells which.

        Raises:
            Invalid: `errors` names every bad field.
        """
        what = {"message": message, "subject": subject, "html": html, "data": data}
        how = {"user_id": user_id, "channel": channel, "priority": priority}
        rest = {"send_at": send_at, "expires_at": expires_at, "tags": tags, "reference": reference}
        preference = {"Prefer": f"wait={ceil(wait)}".encode()} if wait else {}
        return await self._ask(
            Accepted,
            "POST",
            "/notifications",
            may_repeat=True,
            body=given(how | what | rest | fields),
            headers=idempotency_header(idempotency_key) | preference,
            extra_seconds=wait or 0.0,
        )

    async def status(self, trace_id: str) -> Notification:
        """Return the notification with its timeline.

        Raises:
            NotFound: there is none, or it is no longer kept.
        """
        return await self._get(Notification, _path(trace_id))

    async def explain(self, trace_id: str) -> Explanation:
        """Return why a notification is where it is, in a sentence for people, and its parts."""
        return await self._get(Explanation, f"{_path(trace_id)}/explain")

    async def foresee(self, /, user_id: str, message: str, **fields: object) -> Foreseen:
        """Return what would become of a notification, which is not sent: `fields` as in `send`."""
        body = given({"user_id": user_id, "message": message} | fields)
        path = "/notifications/explain"
        return await self._ask(Foreseen, "POST", path, may_repeat=True, body=body)

    async def content(self, trace_id: str) -> Content:
        """Return what was asked for.

        Raises:
            NotFound: there is no such notification, or, with status 410, it has ended, and what it
                said is no longer kept.
        """
        return await self._get(Content, f"{_path(trace_id)}/content")

    async def wait(self, trace_id: str, timeout: float | None = 60.0) -> Notification:
        """Return the notification when it has ended: sent, failed, cancelled or expired.

        It follows the notification's changes, and looks by itself where these do not come.

        Raises:
            NotEnded: it had not after `timeout` seconds; None waits as long as it takes.
        """
        following: asyncio.Future[None] | None = None
        seen: Notification | None = None
        try:
            async with asyncio.timeout(timeout):
                pause = _FIRST_PAUSE_SECONDS
                while True:
                    seen = await self.status(trace_id)
                    if seen.is_final:
                        return seen
                    # Not before: of one that has ended there is nothing to follow.
                    following = following or asyncio.ensure_future(self._last_change(trace_id))
                    if following.done():
                        await asyncio.sleep(pause)
                    else:
                        await asyncio.wait({following}, timeout=_LONGEST_PAUSE_SECONDS)
                        continue
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            if seen is None or timeout is None:
                raise
            raise NotEnded(seen, timeout) from None
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def notifications(self, /, **filters: object) -> NotificationPage:
        """Return one page, newest first. Filters as in the API: status, user_id, channel, tag, …"""
        return await self._get(NotificationPage, "/notifications", filters)

    def iter_notifications(
        self, /, *, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[Notification, None]:
        """Yield notifications, newest first, at most `limit`. Filters as for `notifications`."""
        return self._pages(NotificationPage, "/notifications", limit, filters)

    async def cancel(self, trace_id: str) -> Notification:
        """Withdraw a notification that is not being sent; returns it.

        With the reason `ambiguous` an earlier attempt may have reached the provider.

        Raises:
            Conflict: it is too late.
        """
        return await self._ask(Notification, "DELETE", _path(trace_id))

    async def forget(self, before: datetime | str, *, dry_run: bool = False) -> Forgotten:
        """Forget notifications that ended before a time.

        One call forgets at most 10,000; while `more` is true, call again.
        """
        body = given({"before": before, "dry_run": dry_run})
        return await self._ask(
            Forgotten, "POST", "/notifications/forget", may_repeat=True, body=body
        )

    async def changes(
        self,
        trace_id: str | None = None,
        *,
        last_event_id: str | None = None,
        on_reconnect: OnReconnect = log_reconnect,
    ) -> AsyncGenerator[StatusChange, None]:
        """Yield status changes as they happen: of one notification until it ends, or of all.

        The `id` of each may be given as `last_event_id` later. One whose `event` is `missed`, all
        else None, stands where some are no longer kept. When the connection breaks, or the gateway
        is restarted, `on_reconnect` is told why, and the changes go on after the last one.
        """
        following = Following(
            gateway=self._gateway,
            path="/events" if trace_id is None else f"{_path(trace_id)}/events",
            is_one=trace_id is not None,
            last_event_id=last_event_id,
            on_reconnect=on_reconnect,
        )
        async with aclosing(following.changes()) as changes:
            async for change in changes:
                yield StatusChange(change)

    async def _last_change(self, trace_id: str) -> None:
        """Return when there will be no more changes, or they can't be followed."""
        try:
            async with aclosing(self.changes(trace_id)) as changes:
                async for _ in changes:
                    pass
        except AsyncNotifyError:
            return


def _path(trace_id: str) -> str:
    return f"/notifications/{segment('trace_id', trace_id)}"
