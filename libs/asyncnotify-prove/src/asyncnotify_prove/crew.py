"""The dispatchers of a chaos run: the system's own, those guests, and their deaths."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from asyncnotify.local.supervisor import ServiceProgram, send_signal
from asyncnotify.local.system import ServiceProcess

from asyncnotify_prove.diary import Diary
from asyncnotify_prove.pulse import Probe

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
        diary: Diary,
    ) -> None:
        super().__init__(service, environment, output=output)
        self._diary = diary
        self._told_to_stop_at: float | None = None
        self._lives = 0
        self._url = service.url

    @property
    def probe(self) -> Probe:
        """How it is asked for its readiness."""
        holds_leases = self.name == DISPATCHER and self._told_to_stop_at is None
        return Probe(self._url, self._lives, holds_leases)

    async def start(self) -> None:
        """Start the process."""
        self._told_to_stop_at = None
        self._lives += 1
        await super().start()

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        code = await super().wait()
        if self.name != DISPATCHER:
            return code
        if code != 0:
            self._diary.note_death()
        elif self._told_to_stop_at is not None:
            self._diary.stops.append((self._told_to_stop_at, time.time()))
        return code

    def terminate(self) -> None:
        """Tell it to stop, as a deploy does."""
        self._told_to_stop_at = time.time()
        send_signal(self, signal.SIGTERM)


class Crew:
    """All dispatchers that run, and what is done to them."""

    def __init__(self, diary: Diary, chance: random.Random) -> None:
        self.own: list[WatchedProgram] = []
        self._diary = diary
        self._chance = chance
        self._guests: set[WatchedProgram] = set()
        self._visits: set[asyncio.Task[None]] = set()
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

    async def all_stand_still(self, seconds: float) -> None:
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
        self._diary.frozen.append((start, end))
        self._diary.standstills.append((start, end))

    def _freeze_all(self, frozen: set[int]) -> None:
        for program in (*self.own, *self._guests):
            if program.pid and program.pid not in frozen:
                frozen.add(program.pid)
                send_signal(program, signal.SIGSTOP)

    def freeze_later(self, guest: WatchedProgram, *, after: float, seconds: float) -> None:
        """Let a guest work, then freeze it for so long; it wakes up with old work in hand."""
        self._host(guest, self._freeze(guest, after, seconds))

    async def _freeze(self, guest: WatchedProgram, after: float, seconds: float) -> None:
        await _until_ready(guest)
        await asyncio.sleep(after)
        send_signal(guest, signal.SIGSTOP)
        start = time.time()
        try:
            await asyncio.sleep(seconds)
        finally:
            async with self._one_freeze:  # while all stand still, none must wake up
                send_signal(guest, signal.SIGCONT)
            self._diary.frozen.append((start, time.time()))
        await asyncio.sleep(after)

    def stay(
        self,
        guest: WatchedProgram,
        *,
        seconds: float,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Let a guest work for so long once it is ready, then tell it to stop.

        If there is something to do `then`, it stays as long again afterwards.
        """
        self._host(guest, self._stay(guest, seconds, then))

    async def _stay(
        self, guest: WatchedProgram, seconds: float, then: Callable[[], None] | None
    ) -> None:
        await _until_ready(guest)
        await asyncio.sleep(seconds)
        if then:
            then()
            await asyncio.sleep(seconds)

    def until_dead(self, guest: WatchedProgram, *, seconds: float) -> None:
        """Let a guest work until it dies by itself; tell it to stop if it does not."""
        self._host(guest, asyncio.sleep(seconds))

    def _host(self, guest: WatchedProgram, visit: Coroutine[Any, Any, None]) -> None:
        self._guests.add(guest)
        task = asyncio.create_task(self._visit(guest, visit))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    async def _visit(self, guest: WatchedProgram, visit: Coroutine[Any, Any, None]) -> None:
        ending, visiting = asyncio.create_task(guest.wait()), asyncio.ensure_future(visit)
        try:
            await asyncio.wait([ending, visiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)
            guest.terminate()
            await guest.stop()
            await ending
            self._guests.discard(guest)

    async def until_alone(self) -> None:
        """Wait until all guests have left."""
        while self._visits:
            await asyncio.gather(*self._visits, return_exceptions=True)

    @property
    def guests(self) -> Sequence[WatchedProgram]:
        """Those who joined in for a while, and still work."""
        return list(self._guests)

    async def send_home(self) -> None:
        """End all visits at once."""
        for visit in self._visits:
            visit.cancel()
        await self.until_alone()


async def _until_ready(program: WatchedProgram) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_READY_WITHIN_SECONDS):
            while not await program.is_ready():  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.05)
