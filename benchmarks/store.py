"""A Redis of its own, with the queue and the ledger on it as the services use them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from asyncnotify.local.embedded_redis import EmbeddedRedis
from durable_queue.factory import open_queue
from durable_queue.port import Delivery, Enqueued, Message, Queue
from durable_queue.worker import Worker, one_by_one
from figures import Laps
from notification_contracts.codec import encode
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.status_update import StatusUpdate
from redis.asyncio import Redis

LANE: Final = validation_lane(Priority.NORMAL)
TEXT: Final = "Your parcel arrives tomorrow between 9:00 and 11:00."

_SAMPLE_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Store:
    """A queue, its ledger, and the Redis that holds both."""

    redis: Redis
    queue: Queue
    ledger: RedisLedger
    users: int

    async def send(self) -> str:
        """Store one notification as the publisher does; return its trace id."""
        trace_id, user_id = new_trace_id(), f"user-{random.randrange(self.users)}"
        event = NotificationRequested(
            trace_id=trace_id, user_id=user_id, message=TEXT, requested_at=datetime.now(UTC)
        )
        note = StatusUpdate(status=Status.QUEUED, user_id=user_id).encode()
        message = Message(id=trace_id, lane=LANE, body=encode(event), note=note)
        outcome = await self.queue.send(message)
        if not isinstance(outcome, Enqueued):
            raise TypeError(f"a fresh notification was answered with {outcome}")
        return trace_id

    async def fill(self, count: int, *, clients: int, laps: Laps | None = None) -> list[str]:
        """Send `count` notifications, some at once; return every thousandth trace id."""
        laps, sample, numbers = laps or Laps(), list[str](), iter(range(count))

        async def client() -> None:
            for number in numbers:
                trace_id = await laps.time(self.send())
                if number % _SAMPLE_EVERY == 0:
                    sample.append(trace_id)

        await asyncio.gather(*(client() for _ in range(clients)))
        return sample

    async def settle(self, count: int) -> float:
        """Claim and acknowledge about `count` messages in a worker; return how many a second."""
        done = asyncio.Event()

        async def handle(delivery: Delivery) -> None:
            await delivery.ack()
            if worker.stats().handled >= count:
                done.set()

        worker = Worker(self.queue, [LANE], one_by_one(handle), name="benchmark", concurrency=64)
        began = time.perf_counter()
        running = asyncio.create_task(worker.run(done))
        await done.wait()
        rate = worker.stats().handled / (time.perf_counter() - began)
        await running
        return rate

    async def used_memory(self) -> int:
        """Return how many bytes Redis has allocated."""
        used: int = (await self.redis.info("memory"))["used_memory"]
        return used

    async def quiet(self) -> None:
        """Wait until Redis no longer rewrites its append-only file, which takes a processor."""
        while True:
            if not (await self.redis.info("persistence"))["aof_rewrite_in_progress"]:
                return
            await asyncio.sleep(0.2)

    async def watch_commands(self, *, slower_than_us: int = 0) -> None:
        """Have Redis write down how long commands take from now on, also those within scripts."""
        await self.redis.config_set("slowlog-max-len", 100_000)
        await self.redis.config_set("slowlog-log-slower-than", slower_than_us)
        await self.redis.slowlog_reset()

    async def watched(self, command: str) -> dict[str, Laps]:
        """Stop watching; return the times of `command` in Redis, by its last argument."""
        await self.redis.config_set("slowlog-log-slower-than", -1)
        by_argument: dict[str, Laps] = {}
        for entry in await self.redis.slowlog_get(100_000):
            words = entry["command"].decode().split()
            if words[0] == command:
                by_argument.setdefault(words[-1], Laps()).ms.append(entry["duration"] / 1000)
        return by_argument


@asynccontextmanager
async def open_store(folder: Path, *, room: int, users: int) -> AsyncIterator[Store]:
    """Start a Redis with the settings that the product gives it; `room` messages may wait."""
    server = EmbeddedRedis(folder, appendfsync="everysec")
    await server.start()
    queue = open_queue(server.url, recorder=lua_recorder(), max_waiting=room)
    ledger, redis = RedisLedger(server.url), Redis.from_url(server.url, decode_responses=True)
    try:
        yield Store(redis, queue, ledger, users)
    finally:
        await ledger.close()
        await queue.close()
        await redis.aclose()
        await server.kill()
