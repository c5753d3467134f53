import asyncio
import os
import signal
import sys

import pytest
from asyncnotify.local.supervised import NotStartable
from asyncnotify.local.supervisor import StartFailed, Supervisor


class Script:
    """A Python one-liner as a program; it is ready once it runs."""

    def __init__(self, name, code):
        self.name = name
        self._code = code
        self._process = None
        self.starts = 0

    @property
    def pid(self):
        return self._process.pid if self._process else None

    async def start(self):
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-c", self._code)

    async def wait(self):
        return await self._process.wait()

    async def stop(self):
        self._process.terminate()
        await self._process.wait()

    async def is_ready(self):
        return self._process is not None and self._process.returncode is None


SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def said():
    return []


async def until(probe):
    async with asyncio.timeout(60):
        while not probe():
            await asyncio.sleep(0.02)


async def test_it_says_who_is_ready(said):
    supervisor, program = Supervisor(said.append), Script("worker", SLEEP)

    await supervisor.start([program])
    await supervisor.stop()

    assert said == [f"worker is ready (pid {program.pid})"]


async def test_a_program_that_dies_is_started_again(said):
    supervisor, program = Supervisor(said.append), Script("worker", SLEEP)
    await supervisor.start([program])
    first = program.pid

    os.kill(first, signal.SIGKILL)
    await until(lambda: program.pid != first and any("is back" in line for line in said))
    await supervisor.stop()

    assert any(line.startswith("worker died (signal 9)") for line in said)
    assert program.starts == 2


async def test_a_program_that_never_gets_ready_is_given_up(said):
    class NeverReady(Script):
        async def is_ready(self):
            return False

    supervisor = Supervisor(said.append)
    program = NeverReady("worker", "raise SystemExit(3)")

    with pytest.raises(StartFailed, match=r"worker does not start \(exit code 3\)"):
        await supervisor.start([program])
    await supervisor.stop()

    assert program.starts == 3


async def test_a_service_with_invalid_settings_stops_the_start_at_once(said):
    class NeverReady(Script):
        async def is_ready(self):
            return False

    supervisor = Supervisor(said.append)
    broken = NeverReady("worker", "raise SystemExit(2)")

    with pytest.raises(StartFailed, match="worker does not start: its settings"):
        await supervisor.start([broken, Script("other", SLEEP)])
    await supervisor.stop()

    assert broken.starts == 1
    assert not any("again" in line for line in said)


async def test_those_started_last_stop_first(said):
    stopped = []

    class Noting(Script):
        async def stop(self):
            stopped.append(self.name)
            await super().stop()

    supervisor = Supervisor(said.append)
    await supervisor.start([Noting("redis", SLEEP)])
    await supervisor.start([Noting("gateway", SLEEP), Noting("worker", SLEEP)])

    await supervisor.stop()

    assert stopped == ["gateway", "worker", "redis"]


class Hopeless(Script):
    async def start(self):
        self.starts += 1
        raise NotStartable("install something newer")


async def test_what_can_never_start_is_tried_once_and_says_why(said):
    program = Hopeless("redis", SLEEP)
    supervisor = Supervisor(said.append)

    with pytest.raises(StartFailed, match="redis: install something newer"):
        await supervisor.start([program])
    await supervisor.stop()

    assert (program.starts, said) == (1, [])
