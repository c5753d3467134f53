"""The Redis that those beside the product use, with the settings that the product gives its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from asyncnotify.local.embedded_redis import EmbeddedRedis
from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class BesideRedis:
    """A running Redis."""

    url: str
    pid: int
    client: Redis

    async def clear(self) -> None:
        """Forget all."""
        await self.client.flushall()


@asynccontextmanager
async def open_redis(folder: Path) -> AsyncIterator[BesideRedis]:
    """Run one."""
    server = EmbeddedRedis(folder)
    await server.start()
    try:
        async with Redis.from_url(server.url) as client:
            yield BesideRedis(server.url, server.pid or 0, client)
    finally:
        await server.kill()
