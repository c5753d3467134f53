"""A second start of the whole system, beside importing a web framework and starting Redis."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.ports import free_port
from processes import Meter, cpu_ms, memory_together_mb
from results import Options, Results

COMMAND = Path(sys.executable).with_name("asyncnotify")
PRODUCT = "asyncnotify up, second start"
IMPORTS = "python -c 'import fastapi, redis'"
REDIS = "redis-server"


async def measure(folder: Path, options: Options) -> Results:
    """Start each in turn; the first start of the product, which makes its data, is left out."""
    results = Results("start", options.each(1))
    await _up(folder / "data")
    for number in range(options.rounds):
        results.begin_round(number)
        results.add(PRODUCT, await _up(folder / "data"))
        results.add(IMPORTS, await _imports())
        results.add(REDIS, await _redis(folder / f"redis-{number}"))
    return results


async def _up(data: Path) -> dict[str, float]:
    base = free_port(in_a_row=5)
    names = ("GATEWAY", "PUBLISHER", "USER_SERVICE", "DISPATCHER", "REDIS")
    ports = {f"{name}_PORT": str(base + number) for number, name in enumerate(names)}
    began, meter = time.monotonic(), Meter({})
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "up",
        "--data-dir",
        data,
        env={**os.environ, **ports},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    while process.stdout and not (await process.stdout.readline()).startswith(b"ready:"):
        pass
    seconds, used = time.monotonic() - began, cpu_ms(process.pid)
    memory = memory_together_mb(process.pid)
    row = {"seconds": seconds, "cpu ms": used, "memory all": memory}
    row["others %"] = meter.read(1, load_ms=used)["others %"]
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    return row


async def _imports() -> dict[str, float]:
    began, before = time.monotonic(), os.times()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import fastapi, redis")
    await process.wait()
    after = os.times()
    used = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return {"seconds": time.monotonic() - began, "cpu ms": used * 1000}


async def _redis(folder: Path) -> dict[str, float]:
    server, began = EmbeddedRedis(folder), time.monotonic()
    await server.start()
    seconds = time.monotonic() - began
    row = {"seconds": seconds, "cpu ms": cpu_ms(server.pid or 0)}
    await server.kill()
    return row
