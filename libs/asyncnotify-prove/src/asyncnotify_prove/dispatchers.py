"""The dispatchers of a chaos run: the system's own, those extra dispatchers, and their deaths."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from asyncnotify.local.supervisor import ServiceProgram, send_signal
from asyncnotify.local.system import ServiceProcess

from asyncnotify_prove.fault_log import FaultLog
from asyncnotify_prove.readiness import Probe

DISPATCHER: Final = "notification-dispatcher"
_READY_WITHIN_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.02


class WatchedProgram(ServiceProgram):
    """A service whose ends are noted: how long it took to stop, or that it died with its work."""

    def __init__(
        self,
        service: ServiceProcess,
        environment: dict[str, str],
        *,
        output: int | None = None,
        fault_log: FaultLog,
    ) -> None:
        super().__init__(service, environment, output=output)
        self._fault_log = fault_log
        self._stopping_since: float | None = None
        self._lives = 0
        self._url = service.url

    @property
    def probe(self) -> Probe:
        """How it is asked for its readiness."""
        holds_leases = self.name == DISPATCHER and self._stopping_since is None
        return Probe(self._url, self._lives, holds_leases)

    async def start(self) -> None:
        """Start the process."""
        self._stopping_since = None
        self._lives += 1
        await super().start()

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        code = await super().wait()
        if self.name != DISPATCHER:
            return code
        if code != 0:
            self._fault_log.note_death()
        elif self._stopping_since is not None:
            self._fault_log.stops.append((self._stopping_since, time.time()))
        return code

    def terminate(self) -> None:
        """Tell it to stop, as a deploy does."""
        self._stopping_since = time.time()
        send_signal(self, signal.SIGTERM)


class Dispatchers:
    """All dispatchers that run, and what is done to them."""

    def __init__(self, fault_log: FaultLog, chance: random.Random) -> None:
        self.own: list[WatchedProgram] = []
        self._fault_log = fault_log
        self._chance = chance
        self._extra: set[WatchedProgram] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_freeze = asyncio.Lock()

    async def kill_one(self) -> None:
        """End one of the system's own, as hard as can be."""
        send_signal(self._any(), signal.SIGKILL)

    async def terminate_one(self) -> None:
        """Tell one of the system's own that is at work to stop; it is started again."""
        first = self._any()
        ordered = sorted(self.own, key=lambda each: each is not first)
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_WITHIN_SECONDS):
                while True:
                    for program in ordered:
                        if program.probe.holds_leases and await program.is_ready():
                            program.terminate()
                            return
                    await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _any(self) -> WatchedProgram | None:
        running = [each for each in self.own if each.pid]
        return self._chance.choice(running) if running else None

    async def freeze_all(self, seconds: float) -> None:
        """Freeze every dispatcher for so long, those included that are just being started."""
        async with self._one_freeze:
            frozen: set[int] = set()
            self._freeze_all(frozen)
            start = time.time()
            while time.time() < start + seconds:
                self._freeze_all(frozen)
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
            end = time.time()
            for pid in frozen:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        self._fault_log.frozen.append((start, end))
        self._fault_log.standstills.append((start, end))

    def _freeze_all(self, frozen: set[int]) -> None:
        for program in (*self.own, *self._extra):
            if program.pid and program.pid not in frozen:
                frozen.add(program.pid)
                send_signal(program, signal.SIGSTOP)

    def freeze_later(self, extra: WatchedProgram, *, after: float, seconds: float) -> None:
        """Let an extra one work, then freeze it for so long; it wakes up with old work in hand."""
        self._start_task(extra, self._freeze(extra, after, seconds))

    async def _freeze(self, extra: WatchedProgram, after: float, seconds: float) -> None:
        await _until_ready(extra)
        await asyncio.sleep(after)
        send_signal(extra, signal.SIGSTOP)
        start = time.time()
        try:
            await asyncio.sleep(seconds)
        finally:
            async with self._one_freeze:  # while all are frozen, none must wake up
                send_signal(extra, signal.SIGCONT)
            self._fault_log.frozen.append((start, time.time()))
        await asyncio.sleep(after)

    def stay(
        self,
        extra: WatchedProgram,
        *,
        seconds: float,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Let an extra one work for so long once it is ready, then tell it to stop.

        If there is something to do `then`, it stays as long again afterwards.
        """
        self._start_task(extra, self._stay(extra, seconds, then))

    async def _stay(
        self, extra: WatchedProgram, seconds: float, then: Callable[[], None] | None
    ) -> None:
        await _until_ready(extra)
        await asyncio.sleep(seconds)
        if then:
            then()
            await asyncio.sleep(seconds)

    def until_dead(self, extra: WatchedProgram, *, seconds: float) -> None:
        """Let an extra one work until it dies; stop it if it does not."""
        self._start_task(extra, asyncio.sleep(seconds))

    def _start_task(self, extra: WatchedProgram, scenario: Coroutine[Any, Any, None]) -> None:
        self._extra.add(extra)
        task = asyncio.create_task(self._run_extra(extra, scenario))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_extra(self, extra: WatchedProgram, scenario: Coroutine[Any, Any, None]) -> None:
        start = time.time()
        ending, running = asyncio.create_task(extra.wait()), asyncio.ensure_future(scenario)
        try:
            await asyncio.wait([ending, running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            extra.terminate()
            await extra.stop()
            await ending
            self._extra.discard(extra)
            self._fault_log.slow.append((start, time.time()))

    async def until_extra_ones_ended(self) -> None:
        """Wait until all extra dispatchers have left."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop_extra_ones(self) -> None:
        """End all extra dispatchers at once."""
        for task in self._tasks:
            task.cancel()
        await self.until_extra_ones_ended()


async def _until_ready(program: WatchedProgram) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_READY_WITHIN_SECONDS):
            while not await program.is_ready():  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)
