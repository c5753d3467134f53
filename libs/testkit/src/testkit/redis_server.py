"""A real redis-server for tests.

Import the fixtures in the package's `conftest.py`:

    from testkit.redis_server import redis_server, redis_url  # noqa: F401

Not as a pytest plugin: an entry point would load the kit before coverage begins to measure, and
`pytest_plugins` is only allowed in the root's conftest.

Every pytest session has servers of its own on free ports, so a test may flush everything.

- `redis_server`: one for the session, the one that `find_redis_server` finds.
- `redis_url`: its URL, emptied and with its settings as at the start.
- `every_redis_server`, `every_redis_url`: the same, once for each different redis-server here: the
  one on PATH (when new enough) and the bundled one.
- `private_redis`: an `EmbeddedRedis` for one test, to be killed and started at will.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from asyncnotify.local.embedded_redis import EmbeddedRedis, bundled_redis_server, find_redis_server

T = TypeVar("T")


class RedisServer:
    """An `EmbeddedRedis` behind blocking calls, alive across the event loops of many tests.

    From a coroutine call them with `asyncio.to_thread`, so that the test's other tasks go on.
    """

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server = EmbeddedRedis(data_dir, appendfsync="everysec", binary=binary)
        self._initial_settings: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The server's URL, database 0."""
        return self._server.url

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid

    def start(self) -> None:
        """Start it, or start it again on the same port and directory."""
        if not self._thread.is_alive():
            self._thread.start()
        self._call(self._server.start())
        self._initial_settings = self._settings()

    def stop(self) -> None:
        """Stop it gracefully; `start` may follow."""
        self._call(self._server.stop())

    def kill(self) -> None:
        """Kill it with SIGKILL; `start` may follow."""
        self._call(self._server.kill())

    def restart(self, *, gracefully: bool = True) -> None:
        """Stop or kill it, and start it again on the same port and directory."""
        if gracefully:
            self.stop()
        else:
            self.kill()
        self.start()

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Make it like new: running, no connections, keys or scripts, settings as at the start."""
        if self.pid is None:
            self.start()
        with redis.Redis.from_url(self.url) as connection:
            connection.client_kill_filter(_type="normal", skipme=True)
            for name, value in self._settings().items():
                if value != self._initial_settings[name]:
                    connection.config_set(name, self._initial_settings[name])
            connection.flushall()
            connection.script_flush()

    def _settings(self) -> dict[str, str]:
        with redis.Redis.from_url(self.url, decode_responses=True) as connection:
            return dict(connection.config_get("*"))

    def _call(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Yield the session's redis-server."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Return the URL of an empty database on the session's redis-server."""
    redis_server.reset()
    return redis_server.url


@pytest.fixture(scope="session", params=["found", "bundled"])
def every_redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """Yield a redis-server for the session, for each different one that is installed, in turn."""
    binary, bundled = find_redis_server().path, bundled_redis_server()
    if request.param == "bundled":
        if bundled in {None, binary}:
            pytest.skip("no second redis-server is installed")
        binary = bundled
    server = RedisServer(tmp_path_factory.mktemp("redis"), binary=binary)
    server.start()
    yield server
    server.close()


@pytest.fixture
def every_redis_url(every_redis_server: RedisServer) -> str:
    """Return the URL of an empty database, for each installed redis-server in turn."""
    every_redis_server.reset()
    return every_redis_server.url


@pytest.fixture
async def private_redis(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    """Yield a started redis-server of the test's own."""
    server = EmbeddedRedis(tmp_path / "redis", appendfsync="everysec")
    await server.start()
    yield server
    await server.stop()
