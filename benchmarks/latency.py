"""Single notifications through an idle system, and what the system does while it is idle."""

import asyncio
from pathlib import Path
from statistics import median

from load import flood, paced
from processes import Meter
from results import Options, Results
from running_system import RunningSystem, open_system

PRODUCT = "single notifications"
IDLE = "idle, one dispatcher"
NO_DISPATCHER = "idle, no dispatcher"
RATE = 20
SINGLES = 300
SETTLES_S = 3
IDLE_S = 60
"""A multiple of all periods up to 15 s: what is done so often falls into each window as often."""


async def measure(folder: Path, options: Options) -> Results:
    """Look on without a dispatcher, and with one; then send single notifications."""
    results = Results("latency", options.each(SINGLES))
    async with open_system(folder) as system:
        await system.create_users()
        await asyncio.sleep(SETTLES_S)
        results.begin_round(0)
        results.add(NO_DISPATCHER, await _idle(system))
        async with system.dispatching(until_ready=True):
            await asyncio.sleep(SETTLES_S)
            idle = await _idle(system)  # nothing is kept yet, so audits are cheap
            await flood(system.ports.gateway, 500)
            await system.outbox.until_sent(500)
            for number in range(options.rounds):
                results.begin_round(number)
                await asyncio.sleep(SETTLES_S)
                results.add(PRODUCT, await _singles(system))
            await asyncio.sleep(SETTLES_S)
            results.add(IDLE, idle | system.memory_mb())
    return results


async def _idle(system: RunningSystem) -> dict[str, float]:
    meter, before = Meter(system.pids()), await system.redis_commands()
    await asyncio.sleep(IDLE_S)
    commands = await system.redis_commands() - before - 1  # the first question
    row = meter.read(1_000 * IDLE_S)
    return {
        "commands/s": commands / IDLE_S,
        "cpu ms/s": row["cpu all"],
        "others %": row["others %"],
    }


async def _singles(system: RunningSystem) -> dict[str, float]:
    system.outbox.empty()
    meter = Meter(system.pids())
    load = await paced(system.ports.gateway, SINGLES, RATE, trace=True)
    await system.outbox.until_sent(SINGLES)
    row = meter.read(SINGLES, load_ms=load["load_ms"])
    sent, posted = system.outbox.sent_at(), load["posted_at"]
    ways = sorted((sent[trace_id] - posted[trace_id]) * 1000 for trace_id in sent)
    return {
        "rate": load["rate"],
        "answer p50": load["p50"],
        "answer p99": load["p99"],
        "provider p50": median(ways),
        "provider p99": ways[int(len(ways) * 0.99)],
        "cpu all": row["cpu all"],
        "others %": row["others %"],
    }
