"""Services that this process loads once and forks: what they share is in memory once, too.

Measured on two cores, a start takes half of the CPU and two thirds of the time, and the services a
quarter less memory, than if each loads by itself.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from service_kit.launch import load

from asyncnotify.local.child_process import before_a_service_runs
from asyncnotify.local.system import ServiceProcess

# Services load these once they know their settings; here they nearly always do.
_LOADED_LATER: Final = ("uvloop", "service_kit.sql.sqlite")


class LoadedService:
    """A child process that has loaded its service; used as `asyncio.subprocess.Process` is."""

    def __init__(self, pid: int, environment: int) -> None:
        """`environment` is the end of a pipe, on which the process waits for it."""
        self.pid = pid
        self.returncode: int | None = None
        self._environment = environment
        self._end: asyncio.Task[int] | None = None

    def run(self, environment: Mapping[str, str]) -> None:
        """Have it run its service. From now on it belongs to the event loop of the caller."""
        # If it is dead by now, `wait` tells.
        with suppress(BrokenPipeError), os.fdopen(self._environment, "w") as pipe:
            json.dump(dict(environment), pipe)
        self._end = asyncio.create_task(self._ended(), name=f"end of process {self.pid}")

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code, or minus the signal that ended it.

        Raises:
            RuntimeError: it was not told to run.
        """
        if self._end is None:
            raise RuntimeError("it was not told to run")
        return await asyncio.shield(self._end)

    def send_signal(self, number: int) -> None:
        """Send a signal.

        Raises:
            ProcessLookupError: it has ended.
        """
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once; raises as `send_signal` does."""
        self.send_signal(signal.SIGKILL)

    async def _ended(self) -> int:
        loop, ended, process = asyncio.get_running_loop(), asyncio.Event(), os.pidfd_open(self.pid)
        loop.add_reader(process, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process)
            os.close(process)
        self.returncode = _exit_code(self.pid)
        return self.returncode


def _exit_code(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _can_await_processes() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # no Linux; one before 5.3, or a container that forbids it
        return False
    return True


def fork_loaded(services: Sequence[ServiceProcess]) -> list[LoadedService]:
    """Fork a process for each service, which waits for its environment; none where it can't be.

    Call it before there are threads or an event loop: a child would have but a part of them. Such a
    child ends with this process.
    """
    if not _can_await_processes():
        return []
    for module in (*_LOADED_LATER, *(each.main for each in services)):
        load(module)
    pipes = [os.pipe() for _ in services]
    loaded = []
    for service, (environment, sender) in zip(services, pipes, strict=True):
        if (pid := os.fork()) == 0:
            ends = {end for pipe in pipes for end in pipe}
            _become(service, environment, ends - {environment})
        loaded.append(LoadedService(pid, sender))
    for environment, _ in pipes:
        os.close(environment)
    load("service_kit.http.server").settle_memory()
    return loaded


def _become(service: ServiceProcess, environment: int, of_others: Iterable[int]) -> NoReturn:
    """Become what the service's command would have become."""
    from setproctitle import setproctitle, setthreadtitle  # noqa: PLC0415 - only Linux has it

    os.setsid()
    before_a_service_runs()
    setproctitle(" ".join(service.command))
    setthreadtitle(service.name)  # which `top` shows
    for end in of_others:
        os.close(end)
    with os.fdopen(environment) as pipe:
        told = pipe.read()
    if not told:  # the supervisor is no more
        raise SystemExit(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    if nowhere != 0:  # as it is where the supervisor has no standard input
        os.dup2(nowhere, 0)
        os.close(nowhere)
    os.environ.clear()
    os.environ.update(json.loads(told))
    time.tzset()
    load(service.main).run()
    raise SystemExit(0)
