"""A message that a worker holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Self, cast

from service_kit.epoch import from_ms, whole_ms

from durable_queue.delivery import VerdictMethods
from durable_queue.messages import SUSPECT_AFTER
from durable_queue.port import (
    Ack,
    Defer,
    Delivery,
    Forward,
    GiveUp,
    LeaseLost,
    MessageExpired,
    Note,
    OnAmbiguous,
    QueueError,
    Release,
    Retry,
    Start,
    Verdict,
)
from durable_queue.redis_list.connections import Argument, Reply
from durable_queue.redis_list.keys import checked_lane
from durable_queue.redis_list.runner import ScriptRunner

_LOST: Final = b"LOST"
_EXPIRED: Final = b"EXPIRED"


class RedisDelivery(VerdictMethods):
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
        fields = start_fields(Start(note, on_ambiguous, progress))
        outcome = started(await self._runner.run("start", self.id, self.token, *fields), self)
        if outcome:
            raise outcome

    async def settle(self, verdict: Verdict) -> None:
        """End the lease with a verdict."""
        await self._settle(*verdict_fields(verdict))

    async def give_back(self) -> None:
        """Undo the claim of a message that was not looked at."""
        await self._settle("give_back", b"")

    async def _settle(self, *fields: Argument) -> None:
        outcome = settled(await self._runner.run("settle", self.id, self.token, *fields), self)
        if outcome:
            raise outcome

    def advanced(self, lane: str, progress: str | None) -> Self:
        """Become what `lua/advance.lua` has made of it in another lane."""
        self.lane, self.attempt, self.deferrals = lane, 1, 0
        self.progress = self.progress if progress is None else progress
        return self


def verdict_fields(verdict: Verdict) -> tuple[Argument, ...]:
    """Return a verdict as `lua/settle.lua` takes it."""
    match verdict:
        case Ack(note):
            return "ack", note
        case Forward(lane, note):
            return "forward", note, checked_lane(lane)
        case Retry(delay, note, is_uncertain, progress):
            return "retry", note, whole_ms(delay), int(is_uncertain), *_said(progress)
        case Defer(delay, note, progress):
            said = () if progress is None else (0, progress)
            return "defer", note, whole_ms(delay), *said
        case GiveUp(error, note, is_uncertain):
            # An error may quote text that can't be encoded.
            text = error.encode(errors="backslashreplace")
            return "dead_letter", note, text, int(is_uncertain)
        case Release(delay, note):
            return "release", note, whole_ms(delay)


def start_fields(start: Start) -> tuple[Argument, ...]:
    """Return a start as `lua/start.lua` takes it."""
    note, on_ambiguous, progress = start
    return note, on_ambiguous, *_said(progress)


def _said(progress: str | None) -> tuple[str, ...]:
    return () if progress is None else (progress,)


def started(reply: Reply, delivery: Delivery) -> QueueError | None:
    """Return what a reply of `lua/start.lua` says went wrong."""
    return MessageExpired(delivery.id) if reply == _EXPIRED else settled(reply, delivery)


def settled(reply: Reply, delivery: Delivery) -> QueueError | None:
    """Return what a reply of `lua/settle.lua` says went wrong."""
    if isinstance(reply, QueueError):
        return reply
    return LeaseLost(delivery.id) if reply == _LOST else None


def deliveries(rows: object, token: str, runner: ScriptRunner) -> list[RedisDelivery]:
    """Make deliveries of the reply of `lua/claim.lua`."""
    return [RedisDelivery(row, token, runner) for row in cast("list[list[bytes]]", rows)]
