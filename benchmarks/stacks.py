"""What is measured beside the product: HTTP stacks, and workers that do jobs."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asyncnotify.local.ports import HOST, free_port
from beside import BesideRedis
from processes import Meter, cpu_ms, running

HERE: Final = Path(__file__).parent
MINIMAL: Final = HERE / "minimal"
PEERS: Final = HERE / "peers"
PEERS_BIN: Final = HERE.parent / ".venv-peers/bin"
_OWN: Final = sys.executable
_WORKS_WITHIN_S: Final = 240.0
_UVICORN: Final = ("-m", "uvicorn", "--host", HOST, "--no-access-log", "--log-level", "warning")


@dataclass(frozen=True, slots=True)
class HttpStack:
    """A gateway and a publisher, as ASGI applications of a folder."""

    folder: Path
    gateway: str
    publisher: str
    python: str | Path = _OWN


MINIMAL_STACK: Final = HttpStack(MINIMAL, "minimal_gateway", "minimal_publisher")
IDIOMATIC: Final = HttpStack(PEERS, "fastapi_gateway", "fastapi_publisher", PEERS_BIN / "python")


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where it listens, and its processes."""

    port: int
    pids: Mapping[str, int]


@asynccontextmanager
async def open_stack(
    stack: HttpStack, folder: Path, redis: BesideRedis
) -> AsyncIterator[RunningStack]:
    """Run both on that Redis."""
    ports = free_port(), free_port()
    folder.mkdir(exist_ok=True)

    def program(
        name: str, port: int, environment: dict[str, str]
    ) -> AbstractAsyncContextManager[subprocess.Popen[bytes]]:
        command = [stack.python, *_UVICORN, "--port", str(port), f"{name}:app"]
        log = folder / f"{name}.log"
        return running(command, log=log, cwd=stack.folder, environment=environment, port=port)

    async with (
        program(stack.publisher, ports[1], {"REDIS_URL": redis.url}) as publisher,
        program(stack.gateway, ports[0], {"UPSTREAM": f"http://{HOST}:{ports[1]}"}) as gateway,
    ):
        pids = {"gateway": gateway.pid, "publisher": publisher.pid, "redis": redis.pid}
        yield RunningStack(ports[0], pids)


@dataclass(frozen=True, slots=True)
class JobWorker:
    """A worker that does no-op jobs. `fill` is given their number as one more argument."""

    name: str
    folder: Path
    fill: Sequence[str | Path]
    work: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    """How many of the jobs it is given: fast ones need more to be measured for long enough."""


def peer(name: str, module: str, *work: str | Path, **environment: str) -> JobWorker:
    """Return a worker in the peers' virtual environment; by default the module itself works."""
    script: list[str | Path] = [PEERS_BIN / "python", f"{module}.py"]
    return JobWorker(name, PEERS, script, work or script, environment)


_WORK: Final = (_OWN, "minimal_worker.py")
MINIMAL_WORKER: Final = JobWorker("minimal worker", MINIMAL, _WORK, _WORK, share=2.0)
TASKIQ: Final = (PEERS_BIN / "taskiq", "worker", "taskiq_streams:broker", "--workers", "1")
STREAM_WORKERS: Final = (
    peer("FastStream streams", "faststream_streams"),
    peer("FastStream streams, 100 at once", "faststream_streams", AT_ONCE="100"),
    peer("taskiq streams", "taskiq_streams", *TASKIQ, "--ack-type", "when_executed"),
    peer(
        "Dramatiq", "dramatiq_jobs", PEERS_BIN / "dramatiq", "dramatiq_jobs", "-p", "1", "-t", "8"
    ),
)
RABBIT_WORKERS: Final = (
    peer("bare aio-pika loop", "aio_pika_loop"),
    peer("FastStream rabbit", "faststream_rabbit"),
)


async def do_jobs(
    worker: JobWorker, folder: Path, count: int, *, broker_pid: int, **environment: str
) -> dict[str, float]:
    """Fill, then have one worker do it all; measure from the first job to the last.

    Raises:
        RuntimeError: it failed, or did not finish.
    """
    jobs, report = int(count * worker.share), folder / "report.json"
    report.unlink(missing_ok=True)
    settings = {**environment, **worker.environment, "JOBS": str(jobs), "REPORT": str(report)}
    settings |= {"BROKER_PID": str(broker_pid), "PYTHONPATH": str(MINIMAL)}
    filling = await asyncio.create_subprocess_exec(
        *worker.fill, str(jobs), cwd=worker.folder, env={**os.environ, **settings}
    )
    if await filling.wait():
        raise RuntimeError(f"{worker.name}: could not be filled")
    log = folder / "worker.log"
    program = running(worker.work, log=log, cwd=worker.folder, environment=settings)
    async with program as process:
        before, meter = cpu_ms(broker_pid), Meter({"worker": process.pid})
        await _until_reported(process, report, f"{worker.name}: {log}")
        others = meter.read(jobs, load_ms=cpu_ms(broker_pid) - before)["others %"]
    first, last = json.loads(report.read_text())
    return {
        "rate": jobs / (last["at"] - first["at"]),
        "cpu worker": (last["cpu_ms"] - first["cpu_ms"]) * 1000 / jobs,
        "cpu broker": (last["broker_ms"] - first["broker_ms"]) * 1000 / jobs,
        "others %": others,
    }


async def _until_reported(process: subprocess.Popen[bytes], report: Path, what: str) -> None:
    async with asyncio.timeout(_WORKS_WITHIN_S):
        while not report.exists():
            if process.poll() is not None:
                raise RuntimeError(f"{what} ended before it was done")
            await asyncio.sleep(0.02)
