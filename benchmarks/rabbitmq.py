"""RabbitMQ: the product with its records in Redis, a bare aio-pika loop, and FastStream."""

import asyncio
from pathlib import Path

from asyncnotify_prove.rabbitmq_node import RabbitNode, find_rabbitmq
from dispatch import PRODUCT, drain
from load import flood
from processes import Meter
from results import Options, Results
from running_system import RunningSystem, open_system
from stacks import RABBIT_WORKERS, do_jobs


async def measure(folder: Path, options: Options) -> Results:
    """Give each its backlog in turn; a queue on RabbitMQ is a quorum queue on one node."""
    count = max(options.count // 2, 500)
    results = Results("rabbitmq", options.each(count))
    if find_rabbitmq() is None:
        print("rabbitmq-server is not installed: left out")
        return results
    folder.mkdir(exist_ok=True)
    node = RabbitNode(folder)
    await asyncio.to_thread(node.start)
    try:
        async with open_system(folder / "product", broker_url=node.url) as system:
            await system.create_users()
            for number in range(options.rounds):
                results.begin_round(number)
                await _round(results, system, node, folder, count)
    finally:
        node.close()
    return results


async def _round(
    results: Results, system: RunningSystem, node: RabbitNode, folder: Path, count: int
) -> None:
    pid = node.pid or 0
    await system.clear()
    await flood(system.ports.gateway, count)
    broker, before = Meter({"broker": pid}), await _scripts(system)
    row = await drain(system, count)
    row["cpu redis"] = row.pop("cpu broker")
    row["cpu broker"] = broker.read(count)["cpu broker"]
    row["scripts"] = (await _scripts(system) - before) / count
    results.add(PRODUCT, row)
    for worker in RABBIT_WORKERS:
        done = await do_jobs(worker, folder, count, broker_pid=pid, AMQP_URL=node.url)
        results.add(worker.name, done)


async def _scripts(system: RunningSystem) -> int:
    """Return how many scripts Redis has run so far."""
    stats = await system.redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))
