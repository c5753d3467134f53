"""A whole system on free ports, each service one process, and nothing between it and its Redis."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import aiohttp
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.ports import HOST, free_port
from asyncnotify.local.supervised import Program
from asyncnotify.local.supervisor import ServiceProgram, Supervisor
from asyncnotify.local.system import LocalSystem, Ports
from processes import memory_mb
from redis.asyncio import Redis

USERS: Final = 500
MOST_DISPATCHERS: Final = 8
_BATCH: Final = 250
_POLL_S: Final = 0.01
_SHORT: Final = {"notification-publisher": "publisher", "notification-dispatcher": "dispatcher"}


@dataclass(slots=True)
class Outbox:
    """The file in which the fake provider leaves what it was handed."""

    path: Path
    seen: int = 0
    _position: int = 0

    def empty(self) -> None:
        """Forget what was sent."""
        self.path.unlink(missing_ok=True)
        self.seen = self._position = 0

    async def until_sent(self, count: int) -> None:
        """Wait until the provider was handed `count` messages since `empty`."""
        while self.look() < count:
            await asyncio.sleep(_POLL_S)

    def look(self) -> int:
        """Return how many messages there are by now."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as lines:
            lines.seek(self._position)
            news = lines.read()
            self.seen, self._position = self.seen + news.count(b"\n"), self._position + len(news)
        return self.seen

    def sent_at(self) -> dict[str, float]:
        """Return when each was handed over, in seconds since 1970 (to a millisecond)."""
        lines = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return {line["trace_id"]: datetime.fromisoformat(line["at"]).timestamp() for line in lines}


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """The running system. Its dispatchers are started apart, by `dispatching`."""

    ports: Ports
    redis: Redis
    programs: Mapping[str, Program]
    dispatchers: Sequence[Program]
    outbox: Outbox
    log: Path

    def pids(self) -> dict[str, int]:
        """Return the process of each that runs; all dispatchers but the first by number."""
        pids = {name: each.pid for name, each in self.programs.items() if each.pid}
        for number, each in enumerate(self.dispatchers):
            if each.pid and Path(f"/proc/{each.pid}").exists():
                pids["dispatcher" + (f" {number + 1}" if number else "")] = each.pid
        return pids

    def memory_mb(self) -> dict[str, float]:
        """Return the memory of each process that runs."""
        return {f"memory {name}": memory_mb(pid) for name, pid in self.pids().items()}

    async def redis_bytes(self) -> int:
        """Return what Redis has allocated, but for the feed of changes, which is bounded."""
        used: int = (await self.redis.info("memory"))["used_memory"]
        feed: int | None = await self.redis.memory_usage("{an:0}:changes", samples=0)
        return used - (feed or 0)

    async def redis_commands(self) -> int:
        """Return how many commands Redis ran before this one, those within scripts included."""
        stats = await self.redis.info("commandstats")
        return sum(each["calls"] for each in stats.values())

    async def create_users(self, count: int = USERS) -> None:
        """Store users `user-0` and so on, each with an address that accepts everything."""
        contact = {"email": "ok@sim.example", "sms": "+15005550001"}
        users = [{"user_id": f"user-{number}", **contact} for number in range(count)]
        async with aiohttp.ClientSession(f"http://{HOST}:{self.ports.gateway}") as http:
            for first in range(0, count, _BATCH):
                body = {"users": users[first : first + _BATCH]}
                async with http.post("/users/batch", json=body) as answer:
                    answer.raise_for_status()

    async def clear(self) -> None:
        """Forget all notifications, and what the services said."""
        await self.redis.flushall()
        self.outbox.empty()
        os.truncate(self.log, 0)

    @asynccontextmanager
    async def dispatching(
        self, count: int = 1, *, until_ready: bool = False
    ) -> AsyncIterator[None]:
        """Have dispatchers at work; the block begins when they start, which takes a second."""
        for each in self.dispatchers[:count]:
            await each.start()
        try:
            for each in self.dispatchers[:count]:
                while until_ready and not await each.is_ready():
                    await asyncio.sleep(_POLL_S)
            yield
        finally:
            await asyncio.gather(*(each.stop() for each in self.dispatchers[:count]))


@asynccontextmanager
async def open_system(
    folder: Path, *, settings: Mapping[str, str] | None = None, broker_url: str | None = None
) -> AsyncIterator[RunningSystem]:
    """Start everything but the dispatchers. What the services print goes to `services.log`.

    Without a `broker_url` the queue is in the same Redis as the records.
    """
    folder.mkdir(exist_ok=True)
    base = free_port(in_a_row=4 + MOST_DISPATCHERS)
    names = ("redis", "gateway", "publisher", "user_service", "dispatcher")
    ports = Ports(**{name: base + number for number, name in enumerate(names)})
    redis, url = (
        EmbeddedRedis(folder / "redis", port=ports.redis),
        f"redis://{HOST}:{ports.redis}/0",
    )
    outbox, log = folder / "outbox.jsonl", folder / "services.log"
    local = LocalSystem(
        broker_url=broker_url or url,
        ledger_url=url if broker_url else "",
        data_dir=folder,
        ports=ports,
        dispatchers=MOST_DISPATCHERS,
        fake_outbox=str(outbox),
        log_format="json",
    )
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    environment = {**os.environ, **(settings or {})}
    services = [ServiceProgram(each, environment, output=output) for each in local.services()]
    dispatchers = [each for each in services if each.name == "notification-dispatcher"]
    others = [each for each in services if each not in dispatchers]
    programs = {_SHORT.get(each.name, each.name): each for each in others}
    supervisor = Supervisor(lambda _: None)
    try:
        await supervisor.start([redis])
        await supervisor.start(others)
        async with Redis.from_url(url) as client:
            yield RunningSystem(
                ports, client, {**programs, "redis": redis}, dispatchers, Outbox(outbox), log
            )
    finally:
        await supervisor.stop()
        os.close(output)
