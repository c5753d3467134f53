import asyncio
import fcntl
import os
import signal
import socket
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from asyncnotify.local.embedded_redis import (
    DataDirInUse,
    EmbeddedRedis,
    RedisDidNotStart,
    bundled_redis_server,
    find_redis_server,
)
from asyncnotify.local.embedded_redis.memory import memory_bytes
from asyncnotify.local.ports import free_port
from redis.asyncio import Redis
from testkit.running import until

START_AND_STAY = """
import asyncio, pathlib, sys
from redis.asyncio import Redis
from asyncnotify.local.embedded_redis import EmbeddedRedis

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


async def test_started_server_is_durable_and_never_evicts(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)

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

    assert server.pid
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


async def test_it_stops_gracefully_although_it_writes_its_first_log(data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir)
    await server.start()
    async with Redis.from_url(server.url) as connection:
        await connection.mset({f"key-{number}": "x" for number in range(100)})
        await connection.config_set("appendonly", "no")
        await connection.config_set("rdb-key-save-delay", "10000")
        await connection.config_set("appendonly", "yes")

    await server.stop()

    assert await server.wait() == 0


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


async def test_another_redis_on_the_port_is_not_mistaken_for_this_one(
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
    slower = slow_loading | {"key-load-delay": "5000"}
    server = EmbeddedRedis(data_dir, options=slower, load_timeout=patience)

    with pytest.raises(RedisDidNotStart, match=r"is (loading|silent) after"):
        await server.start()

    assert server.pid is None
