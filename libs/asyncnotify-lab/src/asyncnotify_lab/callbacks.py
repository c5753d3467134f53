"""Calls that a provider makes of its own accord: receipts, and what people answer."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Final

import aiohttp
from service_kit.logs import get_logger

log = get_logger(__name__)
PATIENCE: Final = aiohttp.ClientTimeout(total=15)


class Callbacks:
    """Posts, now or in a while, and does not try again: the log says what was answered."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, calls: Coroutine[None, None, None]) -> None:
        """Make calls while what led to them is answered."""
        task = asyncio.create_task(calls)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> int | None:
        """Post, and return the status of the answer; None without one."""
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.post(url, data=body, headers=headers) as answer,
            ):
                await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("callback_failed", error=type(error).__name__)
            return None
        log.info("callback", status=answer.status)
        return answer.status
