import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from service_kit.http.client import UpstreamClient
from testkit.http import live_server
from testkit.logs import LoggedLines, captured_logs
from testkit.scripts import Script, scripted_server

# For tests that are not about an upstream that is slow: on a busy machine it may be.
PATIENT = {"timeout": timedelta(minutes=1), "connect_timeout": timedelta(minutes=1)}


class Wire:
    """One connection, written and read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        line, *pairs = head.rstrip().split(b"\r\n")
        headers = dict(pair.lower().split(b": ", 1) for pair in pairs)
        body = await self._reader.readexactly(int(headers.get(b"content-length", b"0")))
        return int(line.split()[1]), headers, body

    async def rest(self) -> bytes:
        return await self._reader.read()


@pytest.fixture(autouse=True)
def logged() -> Iterator[LoggedLines]:
    """Capture what is logged; call it for the lines."""
    with captured_logs("kit") as lines:
        yield lines


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[[Script], Awaitable[str]]]:
    """Start servers that do what a script says; call it for a base url."""
    async with AsyncExitStack() as servers:

        async def start(script: Script) -> str:
            return await servers.enter_async_context(scripted_server(script))

        yield start


@pytest.fixture
def client_of() -> Callable[..., AbstractAsyncContextManager[UpstreamClient]]:
    """Open clients of a base url, for a block."""

    @asynccontextmanager
    async def open_client(url: str, **options) -> AsyncIterator[UpstreamClient]:
        client = UpstreamClient(url, **PATIENT | options)
        await client.start()
        try:
            yield client
        finally:
            await client.stop()

    return open_client


@pytest.fixture
async def dial(app) -> AsyncIterator[Callable[[], Awaitable[Wire]]]:
    """Connect to a server of the test's own `app`."""
    writers: list[asyncio.StreamWriter] = []
    async with live_server(app) as url:
        host, port = url.removeprefix("http://").split(":")

        async def connect() -> Wire:
            reader, writer = await asyncio.open_connection(host, int(port))
            writers.append(writer)
            return Wire(reader, writer)

        yield connect
        for writer in writers:
            writer.close()


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
      limits=ServerLimits(), stop_within=within, workers=int(os.environ["WORKERS"]))
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

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, to_stop: signal.Signals) -> None:
        # Not `send_signal`, which may take the exit code of one that has just ended from asyncio.
        os.kill(self.pid, to_stop)

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

    async def start(*arguments: object, host: str = "127.0.0.1", workers: int = 1) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            program,
            *map(str, arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"HOST": host, "WORKERS": str(workers)},
        )
        processes.append(process)
        return Process(process)

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()
