"""Dispatching a backlog with one worker: the product, job queues with a no-op job, and a minimal
worker.
"""

import time
from pathlib import Path

from beside import open_redis
from load import flood
from processes import Meter
from results import Options, Results
from running_system import USERS, RunningSystem, open_system
from stacks import MINIMAL_WORKER, STREAM_WORKERS, do_jobs

PRODUCT = "AsyncNotify"
EACH_USER_ONCE = "AsyncNotify, each user once"


async def drain(system: RunningSystem, count: int) -> dict[str, float]:
    """Let one dispatcher send `count` of what waits; its start does not count."""
    async with system.dispatching():
        return await sending(system, count)


async def sending(system: RunningSystem, count: int) -> dict[str, float]:
    """Measure while dispatchers send `count` more, from the first of them on."""
    before = system.outbox.look()
    await system.outbox.until_sent(before + 1)
    pids, began, first = system.pids(), time.monotonic(), system.outbox.seen
    meter = Meter(pids)
    await system.outbox.until_sent(before + count)
    seconds, done = time.monotonic() - began, system.outbox.seen - first
    row = meter.read(done)
    workers = [name for name in pids if name.startswith("dispatcher")]
    return {
        "rate": done / seconds,
        "cpu worker": sum(row[f"cpu {name}"] for name in workers),
        "cpu broker": row["cpu redis"],
        "cpu publisher": row["cpu publisher"],
        "cpu user-service": row["cpu user-service"],
        "others %": row["others %"],
        **system.memory_mb(),
    }


async def measure(folder: Path, options: Options) -> Results:
    """Give each its backlog in turn."""
    results, workers = Results("dispatch", options), (*STREAM_WORKERS, MINIMAL_WORKER)
    async with open_system(folder / "product") as system, open_redis(folder / "beside") as redis:
        await system.create_users(options.count)
        for number in range(options.rounds):
            results.begin_round(number)
            for name, users in ((PRODUCT, USERS), (EACH_USER_ONCE, options.count)):
                await system.clear()
                await flood(system.ports.gateway, options.count, users=users)
                results.add(name, await drain(system, options.count))
            for worker in workers:
                await redis.clear()
                pid, url = redis.pid, redis.url
                done = await do_jobs(worker, folder, options.count, broker_pid=pid, REDIS_URL=url)
                results.add(worker.name, done)
    return results
