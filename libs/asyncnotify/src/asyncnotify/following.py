"""Follows status changes over broken connections and restarts of the gateway."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from asyncnotify.answers import JsonObject
from asyncnotify.api import FINAL_STATUSES
from asyncnotify.errors import AsyncNotifyError, UnexpectedAnswer, Unreachable
from asyncnotify.event_stream import Event, read_events
from asyncnotify.gateway import Gateway, pause_before_retry

RECONNECT_SECONDS = 3.0
"""Until the service says otherwise."""

OnReconnect = Callable[[AsyncNotifyError], None]

log = logging.getLogger("asyncnotify")

_MISSED: JsonObject = {
    "event": "missed",
    **dict.fromkeys(("id", "trace_id", "user_id", "channel", "status", "reason", "at")),
}


def log_reconnect(error: AsyncNotifyError) -> None:
    """Log that the stream broke off and is taken up again."""
    log.warning("following was interrupted, and goes on: %s", error)


@dataclass(slots=True)
class Following:
    """Status changes from the stream at `path`, from one connection to the next.

    With `is_one` it ends with its notification; otherwise never. What is wrong from the start, or
    is not temporary, is raised.
    """

    gateway: Gateway
    path: str
    is_one: bool
    last_event_id: str | None
    on_reconnect: OnReconnect
    _was_connected: bool = False
    _has_ended: bool = False
    _failures: int = 0
    _reconnect_seconds: float = RECONNECT_SECONDS

    async def changes(self) -> AsyncGenerator[JsonObject, None]:
        """Yield the changes as they come."""
        give_up_at = asyncio.get_running_loop().time() + self.gateway.retry_seconds
        while True:
            failure: AsyncNotifyError = Unreachable("the gateway ended the stream")
            try:
                async with aclosing(self._until_it_breaks()) as changes:
                    async for change in changes:
                        yield change
            except AsyncNotifyError as error:
                failure = error
            if self._has_ended:
                return
            await self._pause(failure, give_up_at)

    async def _until_it_breaks(self) -> AsyncGenerator[JsonObject, None]:
        headers = {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}
        async with self.gateway.stream(self.path, headers) as response:
            if response is None:
                self._has_ended = True
                return
            if self._was_connected and not self.is_one and not self.last_event_id:
                # Nothing says where to go on: what happened meanwhile does not come.
                yield _MISSED
            self._was_connected, self._failures = True, 0
            async for event in read_events(response.aiter_bytes()):
                self.last_event_id = event.id or self.last_event_id
                if event.retry_seconds is not None:
                    self._reconnect_seconds = event.retry_seconds
                change = _change(event)
                if change is None:
                    continue
                self._has_ended = self.is_one and change.get("status") in FINAL_STATUSES
                yield change
                if self._has_ended:
                    return

    async def _pause(self, failure: AsyncNotifyError, give_up_at: float) -> None:
        self._failures += 1
        pause = pause_before_retry(failure, self._failures)
        is_late = asyncio.get_running_loop().time() + (pause or 0) >= give_up_at
        if pause is None or (is_late and not self._was_connected):
            raise failure
        if self._was_connected:
            self.on_reconnect(failure)
            spread = random.uniform(0.5, 1.0)  # noqa: S311 - so that not all come at once
            pause = max(pause, self._reconnect_seconds * spread)
        await asyncio.sleep(pause)


def _change(event: Event) -> JsonObject | None:
    if event.name == "missed":
        return _MISSED
    if event.name != "status":
        return None
    try:
        change = json.loads(event.data)
    except ValueError:
        change = None
    if not isinstance(change, dict):
        raise UnexpectedAnswer(None, f"not a status change: {event.data[:100]!r}")
    return {"event": "status", "id": event.id, **change}
