"""The upkeep of lanes: what is due, what was lost, what is damaged, what is to be forgotten."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, cast

from service_kit.epoch import whole_ms

from durable_queue.clock import RemoteClock
from durable_queue.port import TickReport
from durable_queue.redis_list.keys import Keys
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.runner import ScriptRunner

_ROUNDS: Final = 20
_FORGET_EVERY_S: Final = 300.0
_SCAN_COUNT: Final = 500
_SCAN_PAUSE_S: Final = 0.01
_MILLISECOND: Final = timedelta(milliseconds=1)
_COUNTS: Final = ("promoted", "leases_expired", "died", "reissued", "expired")


class Upkeep:
    """Looks after lanes in bounded steps; at all those in which nothing is, by one command."""

    def __init__(
        self, runner: ScriptRunner, keys: Keys, clock: RemoteClock, options: RedisListOptions
    ) -> None:
        self._runner = runner
        self._keys = keys
        self._clock = clock
        self._options = options
        self._lanes: tuple[str, ...] = ()
        self._occupied: frozenset[str] = frozenset()
        self._set_back: dict[str, int] = {}
        self._forgets_at = -math.inf

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        """See `QueueUpkeep`."""
        self._lanes = tuple(lanes)
        await self._forget()
        looked_after = await self._to_look_after()
        asked_at, expected = self._clock.monotonic(), self._clock.expected_ms()
        rounds = await asyncio.gather(*(self._round(lane, expected) for lane in looked_after))
        # Not before all lanes have been told of a jump.
        for _, now_ms in rounds[:1]:
            self._clock.observe(now_ms, asked_at=asked_at)
            if expected is not None and now_ms < expected - whole_ms(self._options.lease) // 2:
                self._set_back.update(dict.fromkeys(lanes, 0))
        await self._let_rest_anew()
        total = _sum([report for report, _ in rounds])
        self._occupied = frozenset(looked_after) - total.empty
        return replace(total, empty=frozenset(lanes) - self._occupied)

    async def look_after(self, lane: str) -> None:
        """Do the same for one lane, without regard to the clock."""
        await self._round(lane, None)

    async def heal(self) -> int:
        """See `QueueUpkeep`."""
        cursor, mended = b"0", 0
        while True:
            cursor, found = await self._scan(cursor)
            if found:
                ids = [self._keys.id_of(key) for key in found]
                lanes = self._lanes
                reply = await self._runner.run("heal", len(lanes), *lanes, *ids)
                mended += cast(int, reply)
            if cursor == b"0":
                return mended
            await asyncio.sleep(_SCAN_PAUSE_S)

    async def _to_look_after(self) -> Sequence[str]:
        """Return the lanes that held something the last time; all, if another does by now."""
        others = [lane for lane in self._lanes if lane not in self._occupied]
        # A clock that was never seen must be, before somebody sets it.
        if not self._clock.is_known or (others and await self._is_any_occupied(others)):
            return self._lanes
        return [lane for lane in self._lanes if lane in self._occupied]

    async def _is_any_occupied(self, lanes: Sequence[str]) -> bool:
        keys = [key for lane in lanes for key in self._keys.under_way(lane)]
        return await self._runner.command("EXISTS", *keys) != 0

    async def _round(self, lane: str, expected: int | None) -> tuple[TickReport, int]:
        """Return what one lane's upkeep did, and what Redis's clock showed before it."""
        limit, total, shown = self._options.tick_limit, TickReport(), 0
        for _ in range(_ROUNDS):
            seen = "" if expected is None else expected
            reply = cast("list[int]", await self._runner.run("tick", lane, seen))
            *counts, now_ms, due_ms, is_empty = reply
            # From the second round on a jump is no news.
            expected, shown = expected and now_ms, shown or now_ms
            due = None if due_ms < 0 else due_ms * _MILLISECOND
            empty = frozenset([lane]) if is_empty else frozenset[str]()
            moved = _report(counts, due, empty)
            total = replace(_sum([total, moved]), next_due=due, empty=empty)
            full = (moved.promoted + moved.expired, moved.leases_expired + moved.died)
            if max(*full, moved.reissued) < limit:
                break
        return total, shown

    async def _let_rest_anew(self) -> None:
        """Mend what rests for a while, and would rest longer since the clock was set back.

        Some rounds of it, from where the last left off: promoting goes first.
        """
        step = self._options.tick_limit
        for _ in range(_ROUNDS):
            if not self._set_back:
                return
            lane, first = next(iter(self._set_back.items()))
            window = (self._keys.delayed(lane), first, first + step - 1)
            ids = cast("list[bytes]", await self._runner.command("ZRANGE", *window))
            if ids:
                await self._runner.run("heal", 0, *ids)  # of no lane at all
                self._set_back[lane] = first + step
            else:
                del self._set_back[lane]

    async def _forget(self) -> None:
        now = self._clock.monotonic()
        if now < self._forgets_at:
            return
        for _ in range(_ROUNDS):
            if cast(int, await self._runner.run("forget")) < self._options.tick_limit:
                self._forgets_at = now + _FORGET_EVERY_S
                return

    async def _scan(self, cursor: bytes) -> tuple[bytes, list[bytes]]:
        reply = await self._runner.command(
            "SCAN", cursor, "MATCH", self._keys.messages, "COUNT", _SCAN_COUNT
        )
        after, found = cast("tuple[bytes, list[bytes]]", reply)
        return after, found


def _report(counts: Sequence[int], next_due: timedelta | None, empty: frozenset[str]) -> TickReport:
    promoted, leases_expired, died, reissued, expired = counts
    return TickReport(
        promoted=promoted,
        leases_expired=leases_expired,
        died=died,
        reissued=reissued,
        expired=expired,
        next_due=next_due,
        empty=empty,
    )


def _sum(reports: Sequence[TickReport]) -> TickReport:
    counts = [sum(getattr(report, name) for report in reports) for name in _COUNTS]
    due = [report.next_due for report in reports if report.next_due is not None]
    empty = frozenset[str]().union(*(report.empty for report in reports))
    return _report(counts, min(due, default=None), empty)
