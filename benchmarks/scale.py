"""A large backlog and a small one, one dispatcher to eight, memory for each notification."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

from asyncnotify.local.supervisor import send_signal
from dispatch import drain, sending
from load import flood
from results import Options, Results
from running_system import USERS, RunningSystem, open_system

DISPATCHERS = (1, 2, 4, 8)
WARM_UP = 500
MEMORY_EVERY_S = 0.2
LARGE = "large backlog, 1 dispatcher"
EACH = "a notification"
EACH_USER_GETS = 40


async def measure(folder: Path, options: Options) -> Results:
    """Drain in turn: as many of a small backlog as of the large one, which a second system has."""
    measured = options.count * 4 // 5
    backlog = max(options.backlog, (options.rounds + 1) * options.count)
    results = Results("scale", replace(options, count=measured, backlog=backlog))
    users = max(USERS, backlog // EACH_USER_GETS)
    room = {"MAX_WAITING": str(WARM_UP + backlog)}
    async with (
        open_system(folder / "small") as system,
        open_system(folder / "large", settings=room) as large,
    ):
        await system.create_users()
        await large.create_users(users)
        await _fill(large, WARM_UP)  # what Redis keeps besides notifications is there then
        before = await large.redis_bytes()
        await _fill(large, backlog, users=users)
        waiting = (await large.redis_bytes() - before) / backlog
        for number in range(options.rounds):
            results.begin_round(number)
            for dispatchers in DISPATCHERS:
                row = await _shared(system, options.count, measured, dispatchers)
                results.add(small(dispatchers), row)
            results.add(LARGE, await drain(large, measured) | {"backlog": backlog})
        async with large.dispatching():
            memory = await _peak_memory(large, WARM_UP + backlog)
        ended = (await large.redis_bytes() - before) / backlog
        results.add(EACH, {"bytes waiting": waiting, "bytes ended": ended, **memory})
    return results


def small(dispatchers: int) -> str:
    """Name what so many dispatchers did to a small backlog."""
    return f"small backlog, {dispatchers} dispatcher{'s' if dispatchers > 1 else ''}"


async def _shared(
    system: RunningSystem, count: int, measured: int, dispatchers: int
) -> dict[str, float]:
    """Let dispatchers share `count`: they are held up until all of them run and all is there."""
    await system.clear()
    async with system.dispatching(dispatchers, until_ready=True):
        for each in system.dispatchers[:dispatchers]:
            send_signal(each, signal.SIGSTOP)
        await _fill(system, count)
        for each in system.dispatchers[:dispatchers]:
            send_signal(each, signal.SIGCONT)
        return await sending(system, measured)


async def _peak_memory(system: RunningSystem, count: int) -> dict[str, float]:
    """Return the most that each process had while `count` were being sent."""
    peak = system.memory_mb()
    while system.outbox.look() < count:
        await asyncio.sleep(MEMORY_EVERY_S)
        peak = {name: max(peak[name], mb) for name, mb in system.memory_mb().items()}
    return peak


async def _fill(system: RunningSystem, count: int, *, users: int = USERS) -> None:
    """Accept them at the publisher: the gateway keeps nothing."""
    await flood(system.ports.publisher, count, users=users)
