"""A whole system on free ports, each service one process, and nothing between it and its Redis."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
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
from figures import cpu_ms

DISPATCHER: Final = "notification-dispatcher"
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the provider was handed, and when, in seconds since 1970."""

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """The running system. Its dispatcher is started apart, by `dispatching`."""

    folder: Path
    ports: Ports
    programs: dict[str, Program]
    outbox: Path

    @property
    def url(self) -> str:
        """Return where the gateway is."""
        return f"http://{HOST}:{self.ports.gateway}"

    def cpu_ms(self) -> dict[str, float]:
        """Return the processor time that each running process has had so far."""
        times = {}
        for name, program in self.programs.items():
            with contextlib.suppress(FileNotFoundError):  # one that has ended keeps its number
                times[name] = cpu_ms(program.pid or 0)
        return times

    async def create_users(self, count: int) -> None:
        """Store users `user-0` and so on, each with an address that accepts everything."""
        async with aiohttp.ClientSession(self.url) as http:
            for number in range(count):
                contact = {"email": "ok@sim.example", "sms": "+15005550001"}
                async with http.put(f"/users/user-{number}", json=contact) as answer:
                    answer.raise_for_status()

    @asynccontextmanager
    async def dispatching(self) -> AsyncIterator[None]:
        """Have one dispatcher at work; the block begins when it starts, which takes a second."""
        await self.programs[DISPATCHER].start()
        try:
            yield
        finally:
            await self.programs[DISPATCHER].stop()

    async def until_ready(self) -> None:
        """Wait until the dispatcher is ready."""
        while True:
            if await self.programs[DISPATCHER].is_ready():
                return
            await asyncio.sleep(_POLL_S)

    async def until_sent(self, count: int) -> None:
        """Wait until the provider was handed `count` messages since `empty_outbox`."""
        seen, position = 0, 0
        while seen < count:
            await asyncio.sleep(_POLL_S)
            with contextlib.suppress(FileNotFoundError), self.outbox.open("rb") as lines:
                lines.seek(position)
                news = lines.read()
                seen, position = seen + news.count(b"\n"), position + len(news)

    def empty_outbox(self) -> None:
        """Forget what was sent."""
        self.outbox.unlink(missing_ok=True)

    def sent(self) -> Sequence[SentMessage]:
        """Read what was sent, in the order in which it was."""
        lines = map(json.loads, self.outbox.read_text(encoding="utf-8").splitlines())
        return [
            SentMessage(line["message"], datetime.fromisoformat(line["at"]).timestamp())
            for line in lines
        ]


@asynccontextmanager
async def open_system(folder: Path) -> AsyncIterator[RunningSystem]:
    """Start everything but the dispatcher. What the services print goes to `services.log`."""
    ports = Ports(**{name: free_port() for name in Ports.__dataclass_fields__})
    redis = EmbeddedRedis(folder / "redis", port=ports.redis)
    url, outbox = f"redis://{HOST}:{ports.redis}/0", folder / "outbox.jsonl"
    local = LocalSystem(
        broker_url=url, data_dir=folder, ports=ports, fake_outbox=str(outbox), log_format="json"
    )
    log = os.open(folder / "services.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    services = {
        service.name: ServiceProgram(service, dict(os.environ), output=log)
        for service in local.services()
    }
    supervisor = Supervisor(lambda _: None)
    try:
        await supervisor.start([redis])
        await supervisor.start([each for name, each in services.items() if name != DISPATCHER])
        yield RunningSystem(folder, ports, {**services, "redis": redis}, outbox)
    finally:
        await supervisor.stop()
        os.close(log)
