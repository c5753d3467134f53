"""Processor time and memory of processes, and programs that are measured. Reads `/proc`: Linux."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from asyncnotify.local.child_process import die_with_parent
from asyncnotify.local.ports import HOST

_MS_PER_TICK: Final = 1000 / os.sysconf("SC_CLK_TCK")
_STARTS_WITHIN_S: Final = 60.0


def _stat(pid: int | str) -> list[str]:
    # The second field is the program's name in parentheses, which may hold spaces.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def with_children(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(folder.name)] = int(_stat(folder.name)[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def cpu_ms(pid: int) -> float:
    """Return the processor time, user's and system's, of a process and those that it started."""
    ticks = 0
    for each in with_children(pid):
        with contextlib.suppress(OSError):  # it has ended; its parent has its time
            ticks += sum(map(int, _stat(each)[11:15]))
    return ticks * _MS_PER_TICK


def memory_mb(pid: int) -> float:
    """Return the memory in use (RSS) of a process and those that it started."""
    pages = 0
    for each in with_children(pid):
        with contextlib.suppress(OSError):
            pages += int(_stat(each)[21])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory_together_mb(pid: int) -> float:
    """Return the memory in use of a process and those that it started; what they share, once."""
    kilobytes = 0
    for each in with_children(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 2**10


def _busy_ms() -> float:
    """Return the processor time of the whole machine."""
    words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    user, nice, system, _idle, _waiting, *rest = map(int, words)
    return (user + nice + system + sum(rest)) * _MS_PER_TICK


class Meter:
    """Processor time of named processes, from now until it is read."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = {name: cpu_ms(pid) for name, pid in pids.items()}
        self._own = time.process_time()
        self._busy = _busy_ms()
        self._began = time.monotonic()

    def read(self, count: int, *, load_ms: float = 0) -> dict[str, float]:
        """Return ms per 1,000 of `count`, and the share of the machine that others had, in percent.

        `load_ms` is the processor time of the load generator: neither the measured nor the others.
        """
        used = {name: cpu_ms(pid) - self._before[name] for name, pid in self._pids.items()}
        room = (time.monotonic() - self._began) * 1000 * (os.cpu_count() or 1)
        known = sum(used.values()) + load_ms + (time.process_time() - self._own) * 1000
        row = {f"cpu {name}": ms * 1000 / count for name, ms in used.items()}
        row["cpu all"] = sum(used.values()) * 1000 / count
        row["others %"] = max(0.0, 100 * (_busy_ms() - self._busy - known) / room)
        return row


def until_listening(port: int, program: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens on `port`.

    Raises:
        RuntimeError: the program ended, or took too long.
    """
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline and program.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}: {log.read_text()[-2000:]}")


@asynccontextmanager
async def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Run a program; with a `port`, the block begins when it listens there."""
    with log.open("ab") as output:
        program = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - there are no threads yet
        )
    try:
        if port is not None:
            await asyncio.to_thread(until_listening, port, program, log)
        yield program
    finally:
        program.terminate()
        try:
            await asyncio.to_thread(program.wait, 20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
