"""Sliding windows in Redis, for every process that uses the same one.

    P:w:<name>   ZSET   member -> ms of its last entry; goes a period after the last

`P` is the queue's prefix, `{<namespace>:0}`. No set has more members than its window's limit.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, cast

from durable_queue.redis_list.own_scripts import RedisScripts
from service_kit.epoch import whole_ms

from notification_dispatcher.infrastructure.caps.port import Window

_MILLISECOND: Final = timedelta(milliseconds=1)
# One step, so that two dispatchers never take the same last place. An entry from the future was
# made before Redis's clock was set back: it counts as made now, so that no wait exceeds a period.
_ENTER: Final = """#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local member, waits, has_room = ARGV[1], {}, true
for i = 2, #ARGV, 3 do
  local key = KEYS[1] .. ':w:' .. ARGV[i]
  local limit, period = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - period)
  for _, early in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf')) do
    redis.call('ZADD', key, now, early)
  end
  local count, wait = redis.call('ZCARD', key), 0
  if count >= limit and not redis.call('ZSCORE', key, member) then
    local leaves = redis.call('ZRANGE', key, count - limit, count - limit, 'WITHSCORES')[2]
    wait, has_room = math.max(leaves + period - now, 1), false
  end
  waits[#waits + 1] = wait
end
if has_room then
  for i = 2, #ARGV, 3 do
    local key = KEYS[1] .. ':w:' .. ARGV[i]
    redis.call('ZADD', key, now, member)
    redis.call('PEXPIRE', key, ARGV[i + 2])
  end
end
return waits
"""


class RedisWindows:
    """`SlidingWindows` that outlive the processes. It connects when it is first used."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "an",
        call_timeout: timedelta = timedelta(seconds=1.5),
    ) -> None:
        self._scripts = RedisScripts(
            url, {"enter": _ENTER}, namespace=namespace, call_timeout=call_timeout
        )

    @property
    def is_shared(self) -> bool:
        """See `SlidingWindows`."""
        return True

    async def enter(self, member: str, windows: Sequence[Window]) -> Sequence[timedelta]:
        """See `SlidingWindows`."""
        described: list[str | int] = []
        for window in windows:
            described += [window.name, window.limit, max(whole_ms(window.period), 1)]
        waits = await self._scripts.run("enter", member, *described)
        return [wait * _MILLISECOND for wait in cast(list[int], waits)]

    async def close(self) -> None:
        """See `SlidingWindows`."""
        await self._scripts.close()
