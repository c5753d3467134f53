"""Paused channels in Redis, for every process that uses the same one.

    P:paused   HASH  channel -> since when, ms by Redis's clock

`P` is the queue's prefix, `{<namespace>:0}`.
"""

from collections.abc import Mapping
from datetime import datetime

from notification_contracts.channels import ChannelName
from service_kit.epoch import from_ms

from notification_ledger.redis.connections import reading_client
from notification_ledger.redis.ledger import translated


class RedisChannelPauses:
    """`ChannelPauses` that outlive the processes. It connects when it is first used."""

    def __init__(self, url: str, *, namespace: str = "an") -> None:
        self._redis = reading_client(url, connections=2, timeout_s=2)
        self._key = f"{{{namespace}:0}}:paused"

    async def paused(self) -> Mapping[ChannelName, datetime]:
        """See `ChannelPauses`; what somebody wrote by hand pauses, whatever time it says."""
        with translated():
            kept = await self._redis.hgetall(self._key)
        return {str(channel): _time(str(since)) for channel, since in kept.items()}

    async def pause(self, channel: ChannelName) -> datetime:
        """See `ChannelPauses`."""
        with translated():
            seconds, microseconds = await self._redis.time()
            now_ms = seconds * 1000 + microseconds // 1000
            await self._redis.hsetnx(self._key, channel, str(now_ms))
            kept = await self._redis.hget(self._key, channel)
        return _time(str(kept or now_ms))

    async def resume(self, channel: ChannelName) -> None:
        """See `ChannelPauses`."""
        with translated():
            await self._redis.hdel(self._key, channel)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def _time(text: str) -> datetime:
    return from_ms(int(text) if text.isdecimal() and len(text) < 15 else 0)
