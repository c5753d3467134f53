"""Accepting: gateway, publisher and Redis beside other stacks, as fast as 64 connections ask."""

from pathlib import Path

from beside import open_redis
from load import flood
from processes import Meter
from results import Options, Results
from running_system import open_system
from stacks import IDIOMATIC, MINIMAL_STACK, open_stack

PRODUCT = "AsyncNotify"
MINIMAL = "minimal stack"
SLOW_SHARE = 0.3
"""Of the requests for the idiomatic stack, which would take half of the time otherwise."""


async def measure(folder: Path, options: Options) -> Results:
    """Ask each in turn; no dispatcher runs."""
    results = Results("accept", options)
    async with (
        open_system(folder / "product") as system,
        open_redis(folder / "beside") as redis,
        open_stack(MINIMAL_STACK, folder / "minimal", redis) as minimal,
        open_stack(IDIOMATIC, folder / "idiomatic", redis) as idiomatic,
    ):
        await system.create_users()
        product = {name: system.pids()[name] for name in ("gateway", "publisher", "redis")}
        competitors = {
            PRODUCT: (system.ports.gateway, product, 1.0),
            MINIMAL: (minimal.port, minimal.pids, 1.0),
            "FastAPI + httpx → FastAPI + redis-py": (idiomatic.port, idiomatic.pids, SLOW_SHARE),
        }
        for port, _, _ in competitors.values():
            await flood(port, 1_000)
        for number in range(options.rounds):
            results.begin_round(number)
            for name, (port, pids, share) in competitors.items():
                await system.clear()
                await redis.clear()
                count, meter = int(options.count * share), Meter(pids)
                load = await flood(port, count)
                figures = {each: load[each] for each in ("rate", "p50", "p99")}
                results.add(name, figures | meter.read(count, load_ms=load["load_ms"]))
    return results
