"""A steady 200 requests a second: what the whole path costs, and how fast accepting answers."""

from pathlib import Path

from beside import open_redis
from load import flood, paced
from processes import Meter
from results import Options, Results
from running_system import open_system
from stacks import MINIMAL_STACK, open_stack

RATE = 200
ACCEPT_ONLY = "AsyncNotify, accepting"
WHOLE_PATH = "AsyncNotify, accepted to sent"
MINIMAL_ACCEPTS = "minimal stack, accepting"


async def measure(folder: Path, options: Options) -> Results:
    """Ask in turn: the product without and with a dispatcher, the minimal stack."""
    count = max(options.count // 3, RATE)
    results = Results("steady", options.each(count))
    async with (
        open_system(folder / "product") as system,
        open_redis(folder / "beside") as redis,
        open_stack(MINIMAL_STACK, folder / "minimal", redis) as minimal,
    ):
        await system.create_users()
        for port in (system.ports.gateway, minimal.port):
            await flood(port, 1_000)
        accepting = {name: system.pids()[name] for name in ("gateway", "publisher", "redis")}
        for number in range(options.rounds):
            results.begin_round(number)
            for name, port, pids in (
                (ACCEPT_ONLY, system.ports.gateway, accepting),
                (MINIMAL_ACCEPTS, minimal.port, minimal.pids),
            ):
                await system.clear()
                meter = Meter(pids)
                load = await paced(port, count, RATE)
                results.add(name, _figures(load) | meter.read(count, load_ms=load["load_ms"]))
            await system.clear()
            async with system.dispatching(until_ready=True):
                meter = Meter(system.pids())
                load = await paced(system.ports.gateway, count, RATE)
                await system.outbox.until_sent(count)
                results.add(WHOLE_PATH, _figures(load) | meter.read(count, load_ms=load["load_ms"]))
    return results


def _figures(load: dict[str, float]) -> dict[str, float]:
    return {name: load[name] for name in ("rate", "p50", "p99", "longest")}
