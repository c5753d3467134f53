"""Receiving: BLPOP for a ticket, then one claim for it and whatever else is at the head."""

import asyncio
import contextlib
import itertools
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from redis.exceptions import RedisError
from service_kit.failpoints import afailpoint

from durable_queue.port import QueueUnavailable
from durable_queue.receiving import LaneOrder, Receives
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.blocking import BlockingPops
from durable_queue.redis_list.delivery import RedisDelivery, deliveries
from durable_queue.redis_list.errors import unavailable
from durable_queue.redis_list.keys import Keys
from durable_queue.redis_list.options import BLPOP_SLICE, CLAIM_LIMIT
from durable_queue.redis_list.runner import ScriptRunner

Lanes = tuple[str, ...]

_WAKE_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Claim:
    token: str
    lanes: Lanes
    limit: int
    popped_from: str = ""
    popped: bytes = b""


class Receiver:
    """Takes messages out of lanes, for any number of tasks at once.

    A receive is never cancelled, for what Redis has popped would be lost.
    """

    def __init__(
        self, runner: ScriptRunner, pops: BlockingPops, batcher: Batcher, keys: Keys
    ) -> None:
        self._runner = runner
        self._pops = pops
        self._batcher = batcher
        self._keys = keys
        self._tokens = (f"{os.urandom(8).hex()}{number:x}" for number in itertools.count())
        self._order = LaneOrder()
        self._is_loaded: set[Lanes] = set()
        self._unanswered: defaultdict[Lanes, list[_Claim]] = defaultdict(list)
        self._receives = Receives(end=self._end, give_back=_give_back)

    async def receive(self, lanes: Lanes, limit: int, wait: timedelta) -> list[RedisDelivery]:
        """Lease up to `limit` messages, of earlier lanes first; wait if there are none."""
        take = partial(self._take, lanes, min(limit, CLAIM_LIMIT), wait)
        return await self._receives.run(take)

    async def close(self) -> None:
        """Wake up the waiting receives, and finish."""
        await self._receives.close()
        await self._pops.close()

    async def _take(self, lanes: Lanes, limit: int, wait: timedelta) -> list[RedisDelivery]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait.total_seconds()
        if unanswered := self._unanswered[lanes]:
            return await self._claim(lanes, unanswered.pop(), is_again=True)
        order = tuple(self._order.next(lanes))
        if wait <= timedelta(0) or lanes in self._is_loaded:
            found = await self._claim(lanes, _Claim(next(self._tokens), order, limit))
            if found:
                return found
        while (left := deadline - loop.time()) > 0 and self._receives.is_wanted:
            popped = await self._pop(order, min(left, BLPOP_SLICE.total_seconds()))
            if popped is None:
                continue
            await afailpoint("worker.after_pop")
            lane, element = self._keys.lane_of(popped[0]), popped[1]
            claim = _Claim(next(self._tokens), order, limit, lane, element)
            found = await self._claim(lanes, claim)
            if found:  # else the ticket was spent
                return found
        return []

    async def _pop(self, order: Lanes, wait_s: float) -> tuple[bytes, bytes] | None:
        try:
            return await self._pops.pop([self._keys.ready(lane) for lane in order], wait_s)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def _claim(
        self, lanes: Lanes, claim: _Claim, *, is_again: bool = False
    ) -> list[RedisDelivery]:
        try:
            rows = await self._run(claim, is_again=is_again)
        except QueueUnavailable:
            # Its reply may be what was lost: the same claim again gets the same messages.
            try:
                rows = await self._run(claim, is_again=True)
            except QueueUnavailable:
                self._unanswered[lanes].append(claim)
                raise
        found = deliveries(rows, claim.token, self._runner)
        if len(found) < claim.limit:
            self._is_loaded.discard(lanes)
        else:
            self._is_loaded.add(lanes)
        return found

    async def _run(self, claim: _Claim, *, is_again: bool) -> object:
        return await self._runner.run(
            "claim",
            claim.token,
            claim.limit,
            int(is_again),
            claim.popped_from,
            claim.popped,
            *claim.lanes,
            is_repeatable=False,
        )

    async def _end(self, receiving: "asyncio.Task[list[RedisDelivery]]") -> None:
        """End its BLPOP now: it replies with an element or with nothing, but it replies."""
        while not receiving.done():
            client_id = self._pops.client_id(receiving)
            if client_id is not None:
                # Redis may forbid it, or not be there; then the BLPOP ends soon anyway.
                with contextlib.suppress(RedisError, OSError):
                    await self._batcher.call("CLIENT", "UNBLOCK", client_id)
            # It may have come before the BLPOP did.
            await asyncio.wait([receiving], timeout=_WAKE_AGAIN_S)


async def _give_back(found: Sequence[RedisDelivery]) -> None:
    await asyncio.gather(*(delivery.give_back() for delivery in found))
