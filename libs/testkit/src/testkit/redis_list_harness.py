"""A Redis queue under test, whose time can be moved on.

Its scripts add the number under `P:clock` to Redis's time, so that no test has to sleep.
"""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from durable_queue.port import Change
from durable_queue.recorder import ChangeEvent, LuaRecorder
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue
from durable_queue.redis_list.scripts import lua_sources
from redis.asyncio import Redis

from testkit.queue_contract.harness import MAX_DELIVERIES, MAX_WAITING, QueueHarness

PREFIX = "{an:0}"
LOG = f"{PREFIX}:log"
CLOCK = f"{PREFIX}:clock"

_LOGGING = LuaRecorder(
    """
local function opened(told, born)
  assert(type(born) == 'number')
  return {told}
end
local function closed(_, kept) return kept[1] end
local function record(change, id, lane, now, due, note, uncertain, kept)
  local entry = {change, id, lane, now, due, note, uncertain or false}
  redis.call('RPUSH', P .. ':log', cjson.encode(entry))
  kept[1] = kept[1] .. change .. '\\n'
end
local function former() return '', now end
local function forget(id)
  assert(redis.call('EXISTS', P .. ':e:' .. id) == 1)
  redis.call('RPUSH', P .. ':forgotten', id)
end
"""
)
_MILLISECOND = timedelta(milliseconds=1)
PATIENT = RedisListOptions(call_timeout=timedelta(seconds=30))
"""For tests that are not about a Redis that is silent: on a busy machine it may be for a while."""


def sources_with_a_clock() -> dict[str, str]:
    """Return the scripts' sources, with a time that can be moved on."""
    sources = lua_sources()
    sources["prelude"] += f"now = now + tonumber(redis.call('GET', '{CLOCK}') or '0')\n"
    return sources


class RedisClock:
    """The time of the queue's scripts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._offset = self._passed = timedelta(0)

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """Return the monotonic time of the queue's process, in seconds."""
        return time.monotonic() + self._passed.total_seconds()

    async def advance(self, by: timedelta) -> None:
        """Let time pass, for the broker and for the process."""
        self._passed += by
        # Redis counts by itself how long it keeps a dedupe key.
        async for key in self._redis.scan_iter(f"{PREFIX}:i:*"):
            await self._redis.pexpire(key, max(await self._redis.pttl(key) - by // _MILLISECOND, 0))
        await self.jump(by)

    async def jump(self, by: timedelta) -> None:
        """Set the broker's clock, while no time passes."""
        self._offset += by
        await self._redis.incrby(CLOCK, by // _MILLISECOND)


@asynccontextmanager
async def redis_list_harness(
    url: str,
    *,
    through: str | None = None,
    moment: timedelta = timedelta(seconds=10),
    call_timeout: timedelta = PATIENT.call_timeout,
    edit: Callable[[dict[str, str]], dict[str, str]] = lambda sources: sources,
) -> AsyncIterator[QueueHarness]:
    """Yield a harness on an empty Redis.

    The queue connects `through` another URL, if given, such as a proxy's; `edit` may change the
    scripts' sources.
    """
    options = RedisListOptions(
        lease=6 * moment,
        call_timeout=call_timeout,
        max_deliveries=MAX_DELIVERIES,
        max_waiting=MAX_WAITING,
        tick_limit=MAX_WAITING // 3,  # so that one round is not enough for a full lane
    )
    redis = Redis.from_url(url)
    clock = RedisClock(redis)
    queue = RedisListQueue(
        through or url,
        recorder=_LOGGING,
        options=options,
        lua=edit(sources_with_a_clock()),
        monotonic=clock.monotonic,
    )

    async def recorded() -> list[ChangeEvent]:
        return [_recorded(entry) for entry in await redis.lrange(LOG, 0, -1)]

    await queue.time()  # before somebody sets it
    try:
        yield QueueHarness(
            queue=queue,
            moment=moment,
            now=clock.now,
            advance=clock.advance,
            jump=clock.jump,
            recorded=recorded,
            push_raw=partial(_push_raw, redis),
        )
    finally:
        await queue.close()
        await redis.aclose()


async def _push_raw(redis: Redis, lane: str, raw: bytes) -> None:
    await redis.rpush(f"{PREFIX}:{lane}:ready", raw)


def _recorded(entry: bytes | str) -> ChangeEvent:
    change, message_id, lane, now, due, note, is_uncertain = json.loads(entry)
    return ChangeEvent(
        change=Change(change),
        message_id=message_id,
        lane=lane,
        at=_time(now),
        due_at=_time(due) if due else None,
        note=note.encode(),
        is_uncertain=is_uncertain,
    )


def _time(at_ms: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + round(at_ms) * _MILLISECOND
