"""Calls back to whoever sent a message, to say what became of it; with faults, too.

A fault at the phase `receipt` may have it come early (before the sender has its answer), late
(`delay_seconds`), doubled, forged or not at all (`lost`), and may change what it says (`body`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from asyncnotify_lab.faults import RECEIPT, Faults, WireFault
from asyncnotify_lab.messages import Arrival

KEPT: Final = 10_000
_USUAL_DELAY_SECONDS: Final = 0.1  # after the answer, as a rule
_PATIENCE: Final = aiohttp.ClientTimeout(total=30)


class Mishap(StrEnum):
    """What can happen to a receipt, beside being late."""

    EARLY = "early"
    DOUBLED = "doubled"
    FORGED = "forged"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One POST to whoever sent a message."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


Make = Callable[[Mapping[str, Any], bool], Callback]
"""Makes a callback: what changes of what it says, and whether its signature is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A callback that was made, and the status that it was answered with; or why there is none."""

    wire: str
    message_id: str
    url: str
    at: datetime
    status: int | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the lab's API shows it."""
        return {
            "wire": self.wire,
            "message_id": self.message_id,
            "url": self.url,
            "at": self.at.isoformat(),
            "status": self.status,
            "error": self.error,
        }


class Receipts:
    """Makes callbacks, and remembers how they were answered. They go to this machine only."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._posted: deque[Posted] = deque(maxlen=KEPT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None

    @property
    def posted(self) -> Sequence[Posted]:
        """The callbacks so far, the oldest first."""
        return list(self._posted)

    async def report(self, message: Arrival, make: Make) -> None:
        """Say what became of a message, soon after this returns; before it does, if it is early."""
        fault = self._faults.next(message.wire, RECEIPT, message.to)
        how = fault.answer if fault else None
        if how == Mishap.LOST:
            return
        changes = fault.body if fault and isinstance(fault.body, Mapping) else {}
        callback = make(changes, how == Mishap.FORGED)
        if how == Mishap.EARLY:
            await self._post(message, callback)
            return
        for _ in range(2 if how == Mishap.DOUBLED else 1):
            self._start(message, callback, _delay(fault))

    async def close(self) -> None:
        """Make no further calls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            await self._client.close()
            self._client = None

    def _start(self, message: Arrival, callback: Callback, delay: float) -> None:
        async def later() -> None:
            await asyncio.sleep(delay)
            await self._post(message, callback)

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, message: Arrival, callback: Callback) -> None:
        status, error = None, None
        if not _is_here(callback.url):
            error = "it is not on this machine"
        else:
            try:
                status = await self._call(callback)
            except (aiohttp.ClientError, TimeoutError) as failure:
                error = str(failure) or type(failure).__name__
        self._posted.append(
            Posted(
                wire=message.wire,
                message_id=message.id,
                url=callback.url,
                at=datetime.now(UTC),
                status=status,
                error=error,
            )
        )

    async def _call(self, callback: Callback) -> int:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=_PATIENCE)
        async with self._client.post(
            callback.url, data=callback.body, headers=callback.headers, allow_redirects=False
        ) as answer:
            return answer.status


def _delay(fault: WireFault | None) -> float:
    return (fault.delay_seconds if fault else 0) or _USUAL_DELAY_SECONDS


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
