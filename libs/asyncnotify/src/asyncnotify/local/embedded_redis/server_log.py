"""What a redis-server says in its log when it does not start."""

import re
from pathlib import Path
from typing import Final

from asyncnotify.local.embedded_redis.errors import (
    DamagedLog,
    DataTooNew,
    EmbeddedRedisError,
    RedisDidNotStart,
)
from asyncnotify.local.embedded_redis.last_writer import ServerProgram

_TAIL_LINES: Final = 3
_PREFIX: Final = re.compile(r"^\d+:\S+ .*?[.#*-] (?=\S)")
_TOO_NEW: Final = "Can't handle RDB format version"
_DAMAGED: Final = (
    "Bad file format reading the append only file",
    "Unexpected end of file reading the append only file",
)


class ServerLog:
    """The log from where it ended when this was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size if path.exists() else 0

    @property
    def tail(self) -> str:
        """The last lines, as one."""
        lines = self._said().splitlines()
        said = [_PREFIX.sub("", line.strip()) for line in lines if line.strip()]
        return " / ".join(said[-_TAIL_LINES:]) or "it said nothing"

    def why_it_ended(self, program: ServerProgram) -> EmbeddedRedisError:
        """Say why a server that wrote this has ended before it was ready."""
        said = self._said()
        if _TOO_NEW in said:
            return DataTooNew("a newer redis-server", [program])
        if any(words in said for words in _DAMAGED):
            return DamagedLog(f"redis-server ended: {self.tail}")
        return RedisDidNotStart(f"redis-server ended: {self.tail}")

    def _said(self) -> str:
        with self._path.open("rb") as log:
            log.seek(self._start)
            return log.read().decode(errors="replace")
