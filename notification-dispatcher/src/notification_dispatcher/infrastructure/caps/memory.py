"""Sliding windows of this process alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from notification_dispatcher.infrastructure.caps.port import Window

_SWEEP_EVERY: Final = 1000
_NO_WAIT: Final = timedelta(0)


@dataclass(slots=True)
class _Entries:
    """Who is in a window, by the time of entry; the earliest first."""

    period: float
    at: dict[str, float] = field(default_factory=dict)

    def forget_before(self, now: float) -> None:
        while self.at and (first := next(iter(self.at))) and self.at[first] <= now - self.period:
            del self.at[first]

    def enter(self, member: str, now: float) -> None:
        self.at.pop(member, None)
        self.at[member] = now

    def wait(self, member: str, limit: int, now: float) -> timedelta:
        if member in self.at or len(self.at) < limit:
            return _NO_WAIT
        must_leave = list(self.at.values())[len(self.at) - limit]
        return timedelta(seconds=must_leave + self.period - now)


@dataclass(slots=True, kw_only=True)
class InMemoryWindows:
    """`SlidingWindows` for as long as the object lives."""

    monotonic: Callable[[], float] = time.monotonic
    _windows: dict[str, _Entries] = field(default_factory=dict, init=False)
    _until_sweep: int = field(default=_SWEEP_EVERY, init=False)

    @property
    def is_shared(self) -> bool:
        """See `SlidingWindows`: each process counts for itself."""
        return False

    async def enter(self, member: str, windows: Sequence[Window]) -> Sequence[timedelta]:
        """See `SlidingWindows`."""
        now = self.monotonic()
        self._sweep(now)
        entries = [self._entries(window, now) for window in windows]
        waits = [
            each.wait(member, window.limit, now)
            for each, window in zip(entries, windows, strict=True)
        ]
        if not any(waits):
            for each in entries:
                each.enter(member, now)
        return waits

    async def close(self) -> None:
        """See `SlidingWindows`: there is no connection."""

    def _entries(self, window: Window, now: float) -> _Entries:
        period = window.period.total_seconds()
        entries = self._windows.setdefault(window.name, _Entries(period))
        entries.period = period
        entries.forget_before(now)
        return entries

    def _sweep(self, now: float) -> None:
        """Forget the windows that nobody is in any more, now and then: addresses are many."""
        self._until_sweep -= 1
        if self._until_sweep > 0:
            return
        for entries in self._windows.values():
            entries.forget_before(now)
        self._windows = {name: entries for name, entries in self._windows.items() if entries.at}
        self._until_sweep = max(_SWEEP_EVERY, len(self._windows))
