"""A large backlog and a small one, one dispatcher to eight, memory for each notification."""

from pathlib import Path

from dispatch import drain
from load import flood
from results import Options, Results
from running_system import RunningSystem, open_system

DISPATCHERS = (1, 2, 4, 8)
LARGE = "large backlog, 1 dispatcher"
EACH = "a notification"


async def measure(folder: Path, options: Options) -> Results:
    """Drain in turn: as many of the small backlog as of the large one, drained to its end."""
    results = Results("scale")
    async with open_system(folder) as system:
        await system.create_users()
        await flood(system.ports.gateway, 1_000)
        results.begin_round(0)
        measured = options.count * 4 // 5
        for dispatchers in DISPATCHERS:
            await system.clear()
            await _fill(system, options.count)
            row = await drain(system, measured, dispatchers=dispatchers)
            results.add(small(dispatchers), row)
        await system.clear()
        before = await system.redis_bytes()
        await _fill(system, options.backlog)
        waiting = (await system.redis_bytes() - before) / options.backlog
        results.add(LARGE, await drain(system, measured) | {"backlog": options.backlog})
        async with system.dispatching():
            await system.outbox.until_sent(options.backlog)
            memory = system.memory_mb()
        ended = (await system.redis_bytes() - before) / options.backlog
        results.add(EACH, {"bytes waiting": waiting, "bytes ended": ended, **memory})
    return results


def small(dispatchers: int) -> str:
    """Name what so many dispatchers did to a small backlog."""
    return f"small backlog, {dispatchers} dispatcher{'s' if dispatchers > 1 else ''}"


async def _fill(system: RunningSystem, count: int) -> None:
    """Accept them at the publisher: the gateway keeps nothing."""
    await flood(system.ports.publisher, count)
