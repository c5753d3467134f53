"""The embedded Redis, as one of the supervisor's programs."""

from collections.abc import Callable, Mapping
from pathlib import Path

from asyncnotify.local.embedded_redis import (
    BeyondRepair,
    DataDirInUse,
    DataTooNew,
    EmbeddedRedis,
    EmbeddedRedisError,
    NoRedisServer,
)
from asyncnotify.local.supervisor import NotStartable


class RedisProgram:
    """A redis-server of our own that keeps its data in `data_dir`.

    `server` is the program to use, `maxmemory` as in redis.conf; `environment` is added to this
    process's own; what the user should know of a start goes to `say`.
    """

    name = "redis"

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        server: Path | None = None,
        maxmemory: str | None = None,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._say = say
        # With `everysec` Redis holds writes back, for up to 2 s, while a sync takes long: what it
        # had acknowledged by then would not survive its being killed.
        self._server = EmbeddedRedis(
            data_dir,
            port=port,
            appendfsync="always",
            options={"maxmemory": maxmemory} if maxmemory else None,
            environment=environment,
            binary=server,
        )

    @property
    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._server.pid

    async def start(self) -> None:
        """Start it and wait until it has loaded its data. Raises OSError, with what to do."""
        try:
            await self._server.start()
        except (DataTooNew, NoRedisServer) as error:
            raise NotStartable(f"{error} (REDIS_SERVER=/path/to/redis-server)") from error
        except (BeyondRepair, DataDirInUse) as error:
            raise NotStartable(str(error)) from error
        except EmbeddedRedisError as error:
            raise OSError(str(error)) from error
        if self._say and self._server.repaired:
            self._say(f"redis: {self._server.repaired}")

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return await self._server.wait()

    async def stop(self) -> None:
        """End it; it writes everything out first."""
        await self._server.stop()

    async def is_ready(self) -> bool:
        """Tell whether it runs: it answers before `start` returns."""
        return self._server.pid is not None
