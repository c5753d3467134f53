"""A message that a worker holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from service_kit.epoch import from_ms, whole_ms

from durable_queue.messages import SUSPECT_AFTER
from durable_queue.port import LeaseLost, MessageExpired, Note, OnAmbiguous
from durable_queue.redis_list.connections import Argument
from durable_queue.redis_list.keys import checked_lane
from durable_queue.redis_list.runner import ScriptRunner

_LOST: Final = b"LOST"
_EXPIRED: Final = b"EXPIRED"


class RedisDelivery:
    """A `Delivery`. The same verdict may be given again, for its answer may have been lost."""

    __slots__ = (
        "_expires_ms",
        "_runner",
        "attempt",
        "body",
        "deferrals",
        "id",
        "is_suspect",
        "lane",
        "max_attempts",
        "progress",
        "token",
    )

    def __init__(self, row: Sequence[bytes], token: str, runner: ScriptRunner) -> None:
        """`row` is what `lua/claim.lua` returns for one message."""
        identity, lane, self.body, attempts, max_attempts, deferrals, expires, deliveries, *said = (
            row
        )
        self.id = identity.decode()
        self.lane = lane.decode()
        self.attempt = int(attempts) + 1
        self.max_attempts = int(max_attempts)
        self.deferrals = int(deferrals)
        self.is_suspect = int(deliveries) > SUSPECT_AFTER
        self.progress = said[0].decode() if said else ""
        self.token = token
        self._expires_ms = int(expires) if expires else None
        self._runner = runner

    @property
    def expires_at(self) -> datetime | None:
        """After this time it must not be started."""
        return None if self._expires_ms is None else from_ms(self._expires_ms)

    async def start(
        self,
        note: Note = b"",
        *,
        on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND,
        progress: str | None = None,
    ) -> None:
        """Pass the point of no return; see `Delivery.start`."""
        said = () if progress is None else (progress,)
        reply = await self._runner.run("start", self.id, self.token, note, on_ambiguous, *said)
        if reply == _EXPIRED:
            raise MessageExpired(self.id)
        if reply == _LOST:
            raise LeaseLost(self.id)

    async def ack(self, note: Note = b"") -> None:
        """Settle: done."""
        await self._settle("ack", note)

    async def forward(self, lane: str, note: Note = b"") -> None:
        """Settle here and put it into another lane, attempts counted anew."""
        await self._settle("forward", note, checked_lane(lane))

    async def retry(
        self,
        delay: timedelta,
        note: Note = b"",
        *,
        is_uncertain: bool = False,
        progress: str | None = None,
    ) -> None:
        """Settle: an attempt is used up, try again after `delay`; dead after the last one."""
        said = () if progress is None else (progress,)
        await self._settle("retry", note, whole_ms(delay), int(is_uncertain), *said)

    async def defer(
        self, delay: timedelta, note: Note = b"", *, progress: str | None = None
    ) -> None:
        """Settle: it could not be tried for now; again after `delay`, with no attempt used up."""
        said = () if progress is None else (0, progress)
        await self._settle("defer", note, whole_ms(delay), *said)

    async def dead_letter(
        self, error: str, note: Note = b"", *, is_uncertain: bool = False
    ) -> None:
        """Settle: given up, kept with its bytes and `error`."""
        # An error may quote text that can't be encoded.
        text = error.encode(errors="backslashreplace")
        await self._settle("dead_letter", note, text, int(is_uncertain))

    async def release(self, delay: timedelta = timedelta(0), note: Note = b"") -> None:
        """Hand it back untried; poison if that happens over and over."""
        await self._settle("release", note, whole_ms(delay))

    async def give_back(self) -> None:
        """Undo the claim of a message that was not looked at."""
        await self._settle("give_back", b"")

    async def _settle(self, verdict: str, note: Note, *details: Argument) -> None:
        run = self._runner.run
        if await run("settle", self.id, self.token, verdict, note, *details) == _LOST:
            raise LeaseLost(self.id)


def deliveries(rows: object, token: str, runner: ScriptRunner) -> list[RedisDelivery]:
    """Make deliveries of the reply of `lua/claim.lua`."""
    return [RedisDelivery(row, token, runner) for row in cast("list[list[bytes]]", rows)]
