"""Keeps two servers from writing to the same data directory.

Two locks: `owner.lock` is held by the process that starts the server, `server.lock` by the server
itself, which inherits it, for as long as it lives. So a server whose owner was killed is told from
one that is in use; it is stopped, and its directory taken over.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import Final

from service_kit.private_files import make_private

from asyncnotify.local.embedded_redis.errors import DataDirInUse

ORPHAN_STOPS_WITHIN_S: Final = 30.0
_POLL_S: Final = 0.02


class DataDir:
    """A directory that one owner at a time runs a server on."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._owner_lock: int | None = None

    @property
    def pid_file(self) -> Path:
        """Where the server writes its process id."""
        return self.path / "redis.pid"

    async def claim(self) -> int:
        """Make it ours; return the descriptor of the lock that the server is to inherit.

        Raises:
            DataDirInUse: another process owns it, or an orphaned server on it does not end.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._owner_lock is None:
            self._owner_lock = _try_lock(self.path / "owner.lock")
        if self._owner_lock is None:
            raise DataDirInUse(f"{self.path} is in use by another process that runs a redis-server")
        try:
            make_private(self.path)
            return await self._server_lock()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Leave it to others."""
        if self._owner_lock is not None:
            os.close(self._owner_lock)
            self._owner_lock = None

    async def _server_lock(self) -> int:
        lock = _try_lock(self.path / "server.lock")
        if lock is not None:
            return lock
        pid = None
        for _ in range(int(ORPHAN_STOPS_WITHIN_S / _POLL_S)):
            # One that has only just been started may not have written it yet.
            if pid is None and (pid := self._orphan_pid()) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            await asyncio.sleep(_POLL_S)
            lock = _try_lock(self.path / "server.lock")
            if lock is not None:
                return lock
        raise DataDirInUse(f"{self.path} is in use by redis-server, process {pid}, which won't end")

    def _orphan_pid(self) -> int | None:
        try:
            return int(self.pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
