"""`serve`, as a process of its own that is told to stop."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from asyncnotify.local.ports import free_port

PROGRAM = """
import asyncio, os, sys
from datetime import timedelta
from fastapi import APIRouter, Response
from service_kit.http.app import build_app
from service_kit.http.limits import ServerLimits
from service_kit.http.server import serve
from service_kit.logs import configure_logging, get_logger

log = get_logger("door")
router = APIRouter()

@router.get("/slow")
async def slow() -> Response:
    log.info("slow.begun")
    await asyncio.sleep(0.4)
    return Response("worth the wait")

class Door:
    async def start(self):
        if "stuck" in sys.argv:
            raise RuntimeError("the door is stuck")
        log.info("door.opened")
    async def stop(self):
        if "hangs" in sys.argv:
            await asyncio.sleep(86_400)
        await asyncio.sleep(0.3)
        log.info("door.closed")

def build():
    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={},
                     resources=[Door()])

configure_logging("kit", format="json", level="INFO")
within = timedelta(seconds=1 if "hangs" in sys.argv else 60)
serve(build, host=os.environ.get("HOST", "127.0.0.1"), port=int(sys.argv[1]), service="kit",
      limits=ServerLimits(), stop_within=within)
"""


class Process:
    """The program while it runs, and its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[dict[str, object]] = []
        self._process = process

    async def until(self, event: str) -> dict[str, object]:
        """Read the log up to a line; give it."""
        async with asyncio.timeout(60):
            async for line in self._process.stdout:
                self.lines.append(json.loads(line))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]
        raise AssertionError(f"{event} is not among {self.events}")

    def tell(self, to_stop: signal.Signals) -> None:
        self._process.send_signal(to_stop)

    async def ended(self) -> int:
        async with asyncio.timeout(60):
            self.lines += [json.loads(line) async for line in self._process.stdout]
            return await self._process.wait()

    async def said_on_stderr(self) -> str:
        return (await self._process.stderr.read()).decode()

    @property
    def events(self) -> list[object]:
        return [line["event"] for line in self.lines]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    processes: list[asyncio.subprocess.Process] = []

    async def start(*arguments: object, host: str = "127.0.0.1") -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            program,
            *map(str, arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"HOST": host},
        )
        processes.append(process)
        return Process(process)

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_listens_and_answers_there(run):
    process = await run(0)
    url = (await process.until("service.ready"))["url"]

    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/health/live")).json() == {"status": "ok"}


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_all_addresses_are_those_of_both_families(run):
    process = await run(0, host="::")
    url = httpx.URL((await process.until("service.ready"))["url"])

    async with httpx.AsyncClient(trust_env=False) as client:
        for host in ("127.0.0.1", "::1"):
            answer = await client.get(url.copy_with(host=host, path="/health/live"))
            assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_however_often_stops_it_in_good_order(run, told):
    process = await run(0)
    await process.until("service.ready")
    process.tell(told)
    await asyncio.sleep(0.15)
    process.tell(told)
    await asyncio.sleep(0.1)
    process.tell(told)

    assert await process.ended() == 0
    assert process.events == ["door.opened", "service.ready", "door.closed", "service.stopped"]


async def test_what_is_running_is_finished_before_anything_is_closed(run):
    process = await run(0)
    url = (await process.until("service.ready"))["url"]
    async with httpx.AsyncClient() as client:
        slow = asyncio.create_task(client.get(f"{url}/slow"))
        await process.until("slow.begun")
        process.tell(signal.SIGTERM)

        assert (await slow).text == "worth the wait"
    assert await process.ended() == 0
    assert process.events[-3:] == ["request.served", "door.closed", "service.stopped"]


async def test_a_taken_port_is_one_clear_line(run):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        process = await run(port)

        assert await process.ended() == 1
    said = await process.said_on_stderr()
    assert said == f"kit: can't listen on 127.0.0.1:{port}: Address already in use\n"
    assert process.lines == []


async def test_a_resource_that_does_not_start_ends_the_process(run):
    process = await run(0, "stuck")

    assert await process.ended() == 1
    assert process.lines[0]["event"] == "service.start_failed"
    assert process.lines[0]["error"] == "the door is stuck"
    assert "service.ready" not in process.events


async def test_a_stop_that_hangs_is_cut_short(run):
    process = await run(0, "hangs")
    await process.until("service.ready")
    process.tell(signal.SIGTERM)

    assert await process.ended() == 1
    assert process.events[-1] == "service.stop_cut_short"
