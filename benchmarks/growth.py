"""Does anything grow in ten minutes of 200 requests a second? Runs only when it is asked for."""

from pathlib import Path

from load import flood, paced
from results import Options, Results
from running_system import open_system
from steady import RATE

MINUTES = 10


async def measure(folder: Path, options: Options) -> Results:
    """Look at each process after every minute."""
    results, accepted = Results("growth", options.each(RATE * 60 * MINUTES)), options.count
    async with open_system(folder) as system, system.dispatching(until_ready=True):
        await system.create_users()
        await flood(system.ports.gateway, options.count)
        await system.outbox.until_sent(options.count)
        results.begin_round(0)
        for number in range(1, MINUTES + 1):
            load = await paced(system.ports.gateway, RATE * 60, RATE)
            accepted, sent = accepted + RATE * 60, system.outbox.look()
            row = {"rate": load["rate"], "p99": load["p99"], "sent": sent}
            row["waiting"] = accepted - sent
            results.add(f"after {number} min", row | system.memory_mb())
    return results
