"""Answers that wait for something, because the client prefers that: `Prefer: wait=SECONDS`.

The preference is RFC 7240's: what is not understood, and what can't be granted, is passed over.
"""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import Request

from service_kit.logs import get_logger

LONGEST_WAIT_SECONDS: Final = 30
APPLIED: Final = {"Preference-Applied": "wait"}
APPLIED_MEANS: Final = {"Preference-Applied": "`wait`, if the answer was waited for."}
_WAIT: Final = re.compile(rb'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)

T = TypeVar("T")
log = get_logger(__name__)


def preferred_wait(request: Request) -> int:
    """Return how many seconds the client would wait for more; 0 is what most do."""
    for name, value in request.scope["headers"]:
        if name == b"prefer":
            for preference in value.split(b","):
                if found := _WAIT.fullmatch(preference):
                    return min(int(found[1]), LONGEST_WAIT_SECONDS)
    return 0


async def wait_for(something: Coroutine[Any, Any, T], request: Request, seconds: float) -> T | None:
    """Return what `something` returns; None if it fails, or as soon as nobody waits any more.

    That is when the time is over, the client has gone, or the process is to stop.
    """
    awaited = asyncio.ensure_future(something)
    others = [
        asyncio.ensure_future(_hung_up(request)),
        asyncio.ensure_future(request.app.state.stopping.wait()),
    ]
    tasks = [awaited, *others]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if awaited.done() and (error := awaited.exception()):
            log.error("wait.failed", exc_info=error)
            return None
        return awaited.result() if awaited.done() else None
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
