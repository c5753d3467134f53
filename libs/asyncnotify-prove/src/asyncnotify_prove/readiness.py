"""Whether all services were ready, twice a second: by this, promises of time are measured.

How long something takes on a machine that is busy, or after a broker was killed, says nothing of
the product. So the clock by which a promise is measured goes on by half a second with each time
that every service says it is ready, however long that took; else it stands still.
"""

import asyncio
import bisect
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp

EVERY_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """Whom to ask. `life` is another one after each start; `holds_leases` says that it is a
    dispatcher which has not been told to stop.
    """

    url: str
    life: int
    holds_leases: bool = False


@dataclass(slots=True)
class ReadinessLog:
    """What was seen: moments, in seconds since 1970; whether all were ready up to then; and whether
    a dispatcher that had been ready was not, though it had not been ended.
    """

    at: list[float] = field(default_factory=list)
    is_ready: list[bool] = field(default_factory=list)
    is_stuck: list[bool] = field(default_factory=list)
    _was_ready: set[Probe] = field(default_factory=set)

    async def take(self, probes: Callable[[], Sequence[Probe]]) -> None:
        """Ask the services for their readiness, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                began, asked = time.monotonic(), probes()
                answers = await asyncio.gather(*(_is_ready(http, each.url) for each in asked))
                took = time.monotonic() - began
                await asyncio.sleep(max(0.0, EVERY_SECONDS - took))
                self._note(dict(zip(asked, answers, strict=True)))

    def _note(self, answers: dict[Probe, bool]) -> None:
        self._was_ready |= {probe for probe, is_ready in answers.items() if is_ready}
        stuck = [
            probe
            for probe, is_ready in answers.items()
            if probe.holds_leases and probe in self._was_ready and not is_ready
        ]
        self.note(time.time(), is_ready=all(answers.values()), is_stuck=bool(stuck))

    def note(self, at: float, *, is_ready: bool, is_stuck: bool = False) -> None:
        """Add one moment; each is later than the one before."""
        self.at.append(at)
        self.is_ready.append(is_ready)
        self.is_stuck.append(is_stuck)

    def ready_seconds(self, since: float, until: float) -> float:
        """Return how long it was between the two, by the clock that counts."""
        counted = 0.0
        for number in self._numbers(since, until):
            earlier, later = self.at[number - 1], self.at[number]
            within = min(later, until) - max(earlier, since)
            if self.is_ready[number] and within > 0:
                counted += min(EVERY_SECONDS, later - earlier) * within / (later - earlier)
        return counted

    def troubles(self, since: float, until: float, at_least: float) -> list[tuple[float, float]]:
        """List the stretches of so many seconds, or more, in which a dispatcher may not have been
        able to renew its leases: it was stuck, or the machine was, and could not be asked.
        """
        found: list[tuple[float, float]] = []
        for number in self._numbers(since - at_least, until + at_least):
            earlier, later = self.at[number - 1], self.at[number]
            if not self.is_stuck[number] and later - earlier < at_least:
                continue
            if found and found[-1][1] == earlier:
                found[-1] = (found[-1][0], later)
            else:
                found.append((earlier, later))
        return [
            (start, end)
            for start, end in found
            if end - start >= at_least and start <= until and end >= since
        ]

    def _numbers(self, since: float, until: float) -> range:
        """The moments whose time up to them touches the one between."""
        first = max(1, bisect.bisect_left(self.at, since))
        return range(first, min(len(self.at), bisect.bisect_right(self.at, until) + 1))


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    with suppress(aiohttp.ClientError, TimeoutError):
        async with http.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    return False
