"""Two Redis servers and a name: the primary becomes a replica, stays up, and the name moves on.

Import the fixture `redis_pair` in the package's `conftest.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify_prove.tcp_proxy import TcpProxy
from redis.asyncio import Redis

_CEILING_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPair:
    """A primary, its replica, and the name that leads to the primary.

    The name is a proxy: as with a name, connections that there are stay where they are.
    """

    old: EmbeddedRedis
    new: EmbeddedRedis
    name: TcpProxy

    @property
    def url(self) -> str:
        """The name as a URL."""
        return self.name.url

    async def fail_over(self) -> None:
        """Promote the replica; the old primary becomes a replica that hears of nothing new."""
        await self.replicated()
        async with Redis.from_url(self.new.url) as new, Redis.from_url(self.old.url) as old:
            await new.replicaof("NO", "ONE")
            await old.replicaof("127.0.0.1", "1")

    def move_name(self) -> None:
        """Let the name lead to the new primary from now on."""
        self.name.point_at(self.new.url)

    async def replicated(self) -> None:
        """Wait until the replica has what the primary has."""
        async with Redis.from_url(self.old.url) as old, asyncio.timeout(_CEILING_S):
            await old.set("replicated", "yes")
            while await old.wait(1, 1000) < 1:  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)


@pytest.fixture
async def redis_pair(tmp_path: Path) -> AsyncIterator[RedisPair]:
    """Yield a primary with a replica: a fixture."""
    old, new = EmbeddedRedis(tmp_path / "old"), EmbeddedRedis(tmp_path / "new")
    await asyncio.gather(old.start(), new.start())
    try:
        async with Redis.from_url(new.url) as replica, TcpProxy(old.url) as name:
            await replica.replicaof("127.0.0.1", str(old.port))
            yield RedisPair(old=old, new=new, name=name)
    finally:
        await asyncio.gather(old.stop(), new.stop())
