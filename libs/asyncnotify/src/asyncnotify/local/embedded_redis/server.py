"""A redis-server as a child process, durable in a directory."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from service_kit.private_files import MASK

from asyncnotify.local.child_process import die_with_parent
from asyncnotify.local.embedded_redis.data_dir import DataDir
from asyncnotify.local.embedded_redis.errors import (
    DamagedLog,
    DataTooNew,
    NoRedisServer,
    RedisDidNotStart,
)
from asyncnotify.local.embedded_redis.find_server import usable_servers
from asyncnotify.local.embedded_redis.last_writer import ServerProgram, last_writer, remember_writer
from asyncnotify.local.embedded_redis.memory import memory_bytes
from asyncnotify.local.embedded_redis.repair import cut_damaged_tail
from asyncnotify.local.embedded_redis.server_log import ServerLog
from asyncnotify.local.ports import HOST, free_port
from asyncnotify.local.probes import redis_info

_ANSWERS_WITHIN_S: Final = 10.0
_ASKS_AGAIN_AFTER_S: Final = 0.5
_STOPS_WITHIN_S: Final = 30.0
_POLL_S: Final = 0.005


class EmbeddedRedis:
    """One redis-server as a child process, bound to 127.0.0.1, durable in `data_dir`.

    What it acknowledges is in its append-only file, and there again after a stop or a crash. With
    the `appendfsync` of `everysec` Redis holds writes back, for up to 2 s, while a sync takes long:
    what it had acknowledged by then would not survive its being killed. RDB
    snapshots are off (`save ""`): on start the append-only file wins anyway, and snapshots would
    only write everything a second time.

    It takes nothing new when its data reaches `maxmemory`, by default half of the memory that there
    is: long before the machine is out of it. The other half is for what goes on even then, and for
    the pages that a rewrite of the append-only file copies.

    A server that is newer than others may write what those can't read: the one that wrote the data
    is preferred, and an older one never started on it. `binary` names the one to use. What a power
    cut left at the end of the append-only file is cut off, kept, and told by `repaired`.

    `port` 0 takes a free one and keeps it over restarts. `options` are further settings of
    redis.conf, which win; `environment` is added to this process's own. After `stop` or `kill`,
    `start` may be called again. It belongs to one event loop and one task at a time, except for
    `wait`. It ends with the process that started it, on Linux at once; elsewhere the next start on
    the directory ends it.
    """

    name = "redis"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        appendfsync: str = "always",
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        binary: Path | None = None,
        load_timeout: timedelta = timedelta(minutes=5),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._data_dir = DataDir(data_dir)
        self._port = port
        maxmemory = str(memory_bytes() // 2)
        self._options = {"appendfsync": appendfsync, "maxmemory": maxmemory} | dict(options or {})
        self._environment = dict(environment or {})
        self._binary = binary
        self._load_timeout = load_timeout
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self.repaired = ""
        """What the last start cut off a damaged append-only file, in one line."""

    @property
    def port(self) -> int:
        """The TCP port; 0 until the first start if none was given."""
        return self._port

    @property
    def url(self) -> str:
        """The server's URL, database 0."""
        return f"redis://{HOST}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """Where the server's log is appended."""
        return self._data_dir.path / "redis.log"

    async def start(self) -> None:
        """Start the server and wait until it answers and has loaded its data.

        Does nothing if it runs.

        Raises:
            NoRedisServer: there is no usable program.
            DataTooNew: all programs are older than the one that wrote the data.
            DataDirInUse: another process runs a server on this data directory.
            RedisDidNotStart: it ended, for example for a taken port, or did not answer in time.
        """
        if self.pid is not None:
            return
        server_lock = await self._data_dir.claim()
        try:
            self._port = self._port or free_port()
            await self._start_who_can_read_it(server_lock)
        except BaseException as error:
            await self.kill()
            if isinstance(error, DataTooNew | NoRedisServer):
                error.args = (f"{error} (REDIS_SERVER=/path/to/redis-server)",)
            raise
        finally:
            os.close(server_lock)  # the child holds its own copy, and so the lock

    async def stop(self) -> None:
        """Stop the server gracefully: it writes everything out first. Nothing to do if it ended."""
        try:
            async with asyncio.timeout(_STOPS_WITHIN_S):
                while not await self._ends_by(signal.SIGTERM):
                    pass
        except TimeoutError:
            await self.kill()

    async def _ends_by(self, number: signal.Signals) -> bool:
        # Redis refuses to end, once, while it writes an append-only file for the first time.
        self._signal(number)
        try:
            async with asyncio.timeout(_ASKS_AGAIN_AFTER_S):
                await self._ended()
        except TimeoutError:
            return False
        return True

    async def kill(self) -> None:
        """End the server at once, as a crash would."""
        self._signal(signal.SIGKILL)
        await self._ended()

    async def wait(self) -> int:
        """Wait until the server has ended, for whatever reason; return its exit code.

        Raises:
            RuntimeError: it was never started.
        """
        if self._process is None:
            raise RuntimeError("the server was never started")
        return await self._process.wait()

    async def is_ready(self) -> bool:
        """Tell whether it runs: it answers before `start` returns."""
        return self.pid is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None and self._process.returncode is None:
                self._process.send_signal(number)

    async def _ended(self) -> None:
        if self._process is not None:
            await self._process.wait()
        self._data_dir.release()

    async def _start_who_can_read_it(self, server_lock: int) -> None:
        folder = self._data_dir.path
        programs = usable_servers(self._binary, last_writer(folder))
        too_old: list[ServerProgram] = []
        while program := await asyncio.to_thread(next, programs, None):
            try:
                await self._start_or_repair(program, server_lock)
            except DataTooNew:  # another one may be newer
                too_old.append(program)
                continue
            remember_writer(folder, program)
            return
        raise DataTooNew("a newer redis-server", too_old)

    async def _start_or_repair(self, program: ServerProgram, server_lock: int) -> None:
        self.repaired = ""
        try:
            await self._start_program(program, server_lock)
        except DamagedLog:
            folder = self._data_dir.path
            self.repaired = await asyncio.to_thread(cut_damaged_tail, program.path, folder)
            await self._start_program(program, server_lock)
            self._say(f"{self.name}: {self.repaired}")

    async def _start_program(self, program: ServerProgram, server_lock: int) -> None:
        log = ServerLog(self.log_path)
        self._process = await self._spawn(program.path, server_lock)
        await self._until_ready(program, log)

    async def _spawn(self, binary: Path, server_lock: int) -> asyncio.subprocess.Process:
        # A leftover pid file would name another process by now.
        self._data_dir.pid_file.unlink(missing_ok=True)
        self.log_path.touch(mode=0o600)
        with self.log_path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                binary,
                *self._arguments(),
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(server_lock,),
                # Ctrl-C in a terminal goes to the whole process group; the server must outlive
                # those who still write their last words into it.
                start_new_session=True,
                preexec_fn=_before_it_runs,
            )

    def _arguments(self) -> list[str]:
        configuration = {
            "bind": HOST,
            "port": str(self._port),
            "dir": str(self._data_dir.path),
            "pidfile": str(self._data_dir.pid_file),
            "daemonize": "no",
            "loglevel": "notice",
            "appendonly": "yes",
            "appenddirname": "appendonlydir",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "tcp-keepalive": "30",
        } | self._options
        return [part for name, value in configuration.items() for part in (f"--{name}", value)]

    async def _until_ready(self, program: ServerProgram, log: ServerLog) -> None:
        clock = asyncio.get_running_loop().time
        started, seen_loading = clock(), False
        while True:
            if self.pid is None:
                raise log.why_it_ended(program)
            state = await self._state()
            if state == "ready":
                return
            seen_loading = seen_loading or state == "loading"
            longest = self._load_timeout.total_seconds() if seen_loading else _ANSWERS_WITHIN_S
            if clock() - started > longest:
                raise RedisDidNotStart(f"redis-server is {state} after {longest:g} s: {log.tail}")
            await asyncio.sleep(_POLL_S)

    async def _state(self) -> str:
        info = await redis_info(HOST, self._port)
        if info.get("process_id") != str(self.pid):
            # Or somebody else's server has the port; ours is about to end for that reason.
            return "silent"
        return "ready" if info["loading"] == "0" else "loading"


def _before_it_runs() -> None:
    # Not by the argument `umask`, which uvloop does not know.
    os.umask(MASK)
    die_with_parent()
