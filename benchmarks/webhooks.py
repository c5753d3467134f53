"""What status webhooks cost for each status change: in Redis, and in the publisher that follows.

Nothing is posted: what a receiver takes its time for is the receiver's.

    .venv/bin/python benchmarks/webhooks.py --count 3000
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from notification_ledger.settings import Stores
from notification_ledger.webhooks.endpoints import Endpoint, EndpointSettings
from notification_ledger.webhooks.opening import WebhookParts, open_webhooks
from notification_publisher.infrastructure.webhook_follower import WebhookFollower
from prometheus_client import CollectorRegistry
from service_kit.logs import configure_logging
from store import Store, open_store

CLIENTS: Final = 32
NAMES: Final = ("nobody follows", "0 webhooks", "1 webhook", "10 webhooks")


async def main() -> None:
    """Measure each case in turn, several times, and print the least of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="status changes of a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    configure_logging("benchmark", format="json", level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder), room=1_000_000, users=1000) as store:
            await _measure(store, options.count, options.rounds)


async def _measure(store: Store, count: int, rounds: int) -> None:
    url = "redis://{host}:{port}/0".format(**store.redis.connection_pool.connection_kwargs)
    parts = open_webhooks(Stores(broker_url=url, ledger_url=url))
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for number, name in enumerate(NAMES):
            await _have(parts, store, (0, 0, 1, 10)[number])
            used = await _round(store, parts, count, is_followed=number > 0)
            best[name] = min(best.get(name, used), used)
    await parts.close()
    print("CPU per status change, microseconds   in Redis   in the process")
    for name, (redis_us, process_us) in best.items():
        print(f"{name:36} {redis_us:9.1f} {process_us:16.1f}")


async def _have(parts: WebhookParts, store: Store, count: int) -> None:
    """Have so many webhooks that want all changes, from now on."""
    for each in await parts.store.endpoints():
        await parts.store.delete(each.id)
    await store.redis.delete(
        *[key async for key in store.redis.scan_iter("{an.webhooks:0}:*")], "-"
    )
    now = await parts.queue.time()
    for number in range(count):
        endpoint = Endpoint(
            id=f"wh_{number}",
            settings=EndpointSettings(url="https://example.com"),
            secret="whsec_",  # noqa: S106 - nothing is posted
            since=await store.ledger.latest_change(),
            created_at=now,
            updated_at=now,
        )
        await parts.store.store(endpoint)


async def _round(
    store: Store, parts: WebhookParts, count: int, *, is_followed: bool
) -> tuple[float, float]:
    """Send so many, and wait until all are in the lines; return the µs of each change."""
    stopping = asyncio.Event()
    follower = WebhookFollower(parts, store.ledger, CollectorRegistry())
    running = asyncio.create_task(follower.run(stopping)) if is_followed else None
    await asyncio.sleep(0.5)
    redis_s, process_s = await _redis_cpu(store), time.process_time()
    await store.fill(count, clients=CLIENTS)
    if is_followed and await parts.store.endpoints():
        await _caught_up(store, parts)
    redis_s, process_s = await _redis_cpu(store) - redis_s, time.process_time() - process_s
    stopping.set()
    if running:
        await running
    return redis_s / count * 1e6, process_s / count * 1e6


async def _caught_up(store: Store, parts: WebhookParts) -> None:
    while await parts.store.position() != await store.ledger.latest_change():
        await asyncio.sleep(0.05)
    while await parts.store.unsent():
        await asyncio.sleep(0.05)


async def _redis_cpu(store: Store) -> float:
    cpu = await store.redis.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


if __name__ == "__main__":
    asyncio.run(main())
