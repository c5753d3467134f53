"""Pauses in Redis, for every process that uses the same one.

    P:p:<name>   STRING  the ms asked for; goes when the pause is over

`P` is the queue's prefix, `{<namespace>:0}`.
"""

from datetime import timedelta
from typing import Final, cast

from durable_queue.redis_list.own_scripts import RedisScripts
from service_kit.epoch import whole_ms

_MILLISECOND: Final = timedelta(milliseconds=1)
# Reading may write: Redis keeps the end by its wall clock, and one that was set back would prolong
# a pause by as much. None is ever longer than what was asked for.
_LEFT: Final = """#!lua flags=allow-oom
local name = KEYS[1] .. ':p:' .. ARGV[1]
local asked, left = tonumber(redis.call('GET', name) or '0'), redis.call('PTTL', name)
if left > asked then
  redis.call('PEXPIRE', name, asked)
  left = asked
end
"""
_REMAINING: Final = f"{_LEFT}return math.max(left, 0)\n"
_PAUSE: Final = f"""{_LEFT}local wanted = tonumber(ARGV[2])
if wanted > left then redis.call('SET', name, wanted, 'PX', wanted) end
return wanted
"""


class RedisPauses:
    """`Pauses` that outlive the processes. It connects when it is first used."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "an",
        call_timeout: timedelta = timedelta(seconds=1.5),
    ) -> None:
        sources = {"remaining": _REMAINING, "pause": _PAUSE}
        self._scripts = RedisScripts(url, sources, namespace=namespace, call_timeout=call_timeout)

    @property
    def is_shared(self) -> bool:
        """See `Pauses`."""
        return True

    async def pause(self, name: str, period: timedelta) -> None:
        """See `Pauses`."""
        await self._scripts.run("pause", name, max(whole_ms(period), 1))

    async def remaining(self, name: str) -> timedelta:
        """See `Pauses`."""
        return cast(int, await self._scripts.run("remaining", name)) * _MILLISECOND

    async def close(self) -> None:
        """See `Pauses`."""
        await self._scripts.close()
