"""How loops live through an outage: they wait a little longer each time, and say it once."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Final

from service_kit.logs import get_logger

log = get_logger(__name__)

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 2.0


def jittered(seconds: float, share: float = 0.2) -> float:
    """Return a random time around `seconds`, so that many processes don't act as one."""
    return seconds * random.uniform(1 - share, 1 + share)  # noqa: S311 - no secret depends on it


def delays() -> Iterator[float]:
    """Yield seconds to wait before each next try: from 0.1 doubling up to 2, ±20 %, for ever."""
    delay = FIRST_DELAY_S
    while True:
        yield jittered(delay)
        delay = min(delay * 2, LONGEST_DELAY_S)


def is_being_cancelled() -> bool:
    """Tell whether the current task was cancelled from outside, not by what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def end_tasks(*tasks: asyncio.Task[None], within_s: float) -> None:
    """Cancel tasks and wait until they have ended, but not for ever."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)


class Outage:
    """Turns failures in a row into one log line at the first and one when it is over."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._since: float | None = None
        self._tries = 0
        self._delays = delays()

    def failed(self, error: BaseException) -> float:
        """Note a failure; return the seconds to wait before the next try."""
        self._tries += 1
        if self._since is None:
            self._since = time.monotonic()
            log.warning("queue.unavailable", doing=self._doing, error=str(error))
        return next(self._delays)

    def over(self) -> None:
        """Note a success."""
        if self._since is None:
            return
        outage_s = round(time.monotonic() - self._since, 1)
        log.info("queue.available", doing=self._doing, outage_s=outage_s, tries=self._tries)
        self._since, self._tries, self._delays = None, 0, delays()
