"""Keeps a set of processes running until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from service_kit.settings import EXIT_CODE_OF_INVALID_SETTINGS

from asyncnotify.local.child_process import before_a_service_runs
from asyncnotify.local.loaded import LoadedService
from asyncnotify.local.probes import is_ready
from asyncnotify.local.supervised import NotStartable, Program
from asyncnotify.local.system import ServiceProcess

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
STABLE_AFTER_SECONDS = 30.0
STARTS_BEFORE_GIVING_UP = 3
# Longer than the slowest service takes, which ends by itself: a dispatcher with slow providers.
STOP_DEADLINE = timedelta(seconds=70)


class StartFailed(Exception):
    """Raised when a process dies again and again before it was ever ready."""


class ServiceProgram:
    """One of the services, as a child process."""

    def __init__(
        self,
        service: ServiceProcess,
        environment: dict[str, str],
        *,
        output: int | None = None,
        loaded: LoadedService | None = None,
    ) -> None:
        """`output` is a file descriptor for what it prints; None is this process's own output.

        `loaded` is what runs at the first start.
        """
        self.name = service.name
        self._output = output
        self._service = service
        self._environment = {**environment, **service.environment}
        self._loaded = loaded
        self._process: asyncio.subprocess.Process | LoadedService | None = None

    @property
    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C is for the supervisor.

        Raises:
            NotStartable: somebody has its port, who might even say that it is ready.
        """
        if why := self._service.why_it_cannot_listen():
            raise NotStartable(f"can't listen on {self._service.url}: {why}")
        if self._loaded:
            self._process, self._loaded = self._loaded, None
            self._process.run(self._environment)
            return
        self._process = await asyncio.create_subprocess_exec(
            *self._service.command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
            preexec_fn=before_a_service_runs,
        )

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        """End it with SIGTERM; with SIGKILL after the deadline."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_DEADLINE.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def is_ready(self) -> bool:
        """Ask its readiness endpoint."""
        return await is_ready(self._service.reached_by, self._service.port)


@dataclass(slots=True)
class _Child:
    program: Program
    stopping: asyncio.Event
    ready: asyncio.Event
    needs: "Sequence[_Child]" = ()
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Starts programs, starts those again that die, and stops all in the order given."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[_Child] = []
        self._failed = asyncio.Event()
        self._failure: StartFailed | None = None

    async def start(self, programs: Sequence[Program]) -> None:
        """Start the programs at once, and return when all are ready.

        Raises:
            StartFailed: one of them dies again and again.
        """
        started: list[_Child] = []
        for program in reversed(programs):
            started.insert(0, _Child(program, asyncio.Event(), asyncio.Event(), needs=started[:1]))
        self._children = started + self._children
        for child in started:
            child.task = asyncio.create_task(
                self._supervise(child), name=f"supervise {child.program.name}"
            )
        await self._until_ready(started)

    async def stop(self) -> None:
        """Stop all programs: those that were started last first, in the order given."""
        for child in self._children:
            child.stopping.set()
            if child.task:
                await child.task

    async def _until_ready(self, started: Sequence[_Child]) -> None:
        for child in started:
            ready = asyncio.create_task(child.ready.wait())
            failed = asyncio.create_task(self._failed.wait())
            await asyncio.wait([ready, failed], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            failed.cancel()
            if self._failure:
                raise self._failure

    async def _supervise(self, child: _Child) -> None:
        program, pause, early_deaths = child.program, FIRST_PAUSE_SECONDS, 0
        while not child.stopping.is_set():
            began = asyncio.get_running_loop().time()
            try:
                code = await self._run_once(child)
            except NotStartable as error:
                self._fail(f"{program.name}: {error}")
                return
            if child.stopping.is_set():
                return
            lived = asyncio.get_running_loop().time() - began
            early_deaths = 0 if child.ready.is_set() else early_deaths + 1
            if early_deaths and code == EXIT_CODE_OF_INVALID_SETTINGS:
                self._fail(f"{program.name} does not start: its settings, named above, are invalid")
                return
            if early_deaths >= STARTS_BEFORE_GIVING_UP:
                self._give_up(program, code)
                return
            pause = FIRST_PAUSE_SECONDS if lived > STABLE_AFTER_SECONDS else pause
            self._say(f"{program.name} died ({_how(code)}); starting it again in {pause:.1f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(child.stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _run_once(self, child: _Child) -> int:
        """Run the program until it ends or has to; return its exit code."""
        try:
            await child.program.start()
        except OSError as error:
            if isinstance(error, NotStartable) and not child.ready.is_set():
                raise
            self._say(f"{child.program.name}: {error}")
            return 1
        watcher = asyncio.create_task(self._announce(child))
        ended: asyncio.Task[int] = asyncio.create_task(_ending(child.program))
        stopping = asyncio.create_task(child.stopping.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        watcher.cancel()
        stopping.cancel()
        if not ended.done():
            await child.program.stop()
        return await ended

    async def _announce(self, child: _Child) -> None:
        # Those listed later are what it needs; it would only complain of them in its log.
        for needed in child.needs:
            await needed.ready.wait()
        while not await child.program.is_ready():  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.05)
        state = "back" if child.ready.is_set() else "ready"
        self._say(f"{child.program.name} is {state} (pid {child.program.pid})")
        child.ready.set()

    def _give_up(self, program: Program, code: int) -> None:
        self._fail(f"{program.name} does not start ({_how(code)}); its last lines above say why")

    def _fail(self, why: str) -> None:
        self._failure = StartFailed(why)
        self._failed.set()


def send_signal(program: Program | None, number: signal.Signals) -> None:
    """Send a signal to a program, if it runs: one that died a moment ago is as good as killed."""
    with suppress(ProcessLookupError):
        if program is not None and program.pid:
            os.kill(program.pid, number)


async def _ending(program: Program) -> int:
    return await program.wait()


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
