"""The embedded Redis, as one of the supervisor's programs."""

from collections.abc import Mapping
from pathlib import Path

from service_kit.embedded_redis import EmbeddedRedis, EmbeddedRedisError


class RedisProgram:
    """A redis-server of our own that keeps its data in `data_dir`."""

    name = "redis"

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        maxmemory: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` is added to this process's own."""
        # With `everysec` Redis holds writes back, for up to 2 s, while a sync takes long: what it
        # had acknowledged by then would not survive its being killed.
        self._server = EmbeddedRedis(
            data_dir,
            port=port,
            appendfsync="always",
            options={"maxmemory": maxmemory} if maxmemory else None,
            environment=environment,
        )

    @property
    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._server.pid

    async def start(self) -> None:
        """Start it and wait until it has loaded its data. Raises OSError, with what to do."""
        try:
            await self._server.start()
        except EmbeddedRedisError as error:
            raise OSError(str(error)) from error

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return await self._server.wait()

    async def stop(self) -> None:
        """End it; it writes everything out first."""
        await self._server.stop()

    async def is_ready(self) -> bool:
        """Tell whether it runs: it answers before `start` returns."""
        return self._server.pid is not None
