"""The system that a chaos run is about, and what can be done to it."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from notification_ledger.settings import Stores
from service_kit.testing.ports import free_port

from asyncnotify.prove.backing import Backing
from asyncnotify.prove.faults import Fault, PlannedFault
from asyncnotify.prove.servers import Servers
from asyncnotify.supervisor import ServiceProgram, Supervisor, send_signal
from asyncnotify.system import HOST, LocalSystem, Ports

FREEZE_SECONDS: Final = 6.0
FAILPOINT_PATIENCE_SECONDS: Final = 15.0

# Shorter than the defaults, so that a run of a minute sees retries end; the mechanism is the same.
ENVIRONMENT: Final = {
    "RETRY_SCHEDULE": "1s,1s,2s,2s,3s,3s,4s,4s,5s,5s,5s",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Another:
    """A process that was started beside the system's own, and where it listens."""

    program: ServiceProgram
    url: str


class Stage:
    """A whole system on free ports, with a proxy between the services and their broker."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 0,
        dispatchers: int = 2,
        environment: Mapping[str, str] | None = None,
        backing: Backing | None = None,
    ) -> None:
        """`environment` is added to that of all services.

        Raises:
            FileNotFoundError: the backing needs a RabbitMQ, and none is installed.
        """
        self.folder = folder
        self._dispatchers = dispatchers
        self._environment = {**os.environ, **ENVIRONMENT, **(environment or {})}
        self._chance = random.Random(seed)  # noqa: S311 - chaos, not cryptography
        self._say: list[str] = []
        self._supervisor = Supervisor(self._say.append)
        self._ports = Ports(**dict.fromkeys(Ports.__dataclass_fields__, 0))
        self._servers = Servers(backing or Backing(), folder)
        self._programs: list[ServiceProgram] = []
        self._extras: set[asyncio.Task[None]] = set()
        self._log = os.open(folder / "services.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @property
    def url(self) -> str:
        """Return where the gateway is."""
        return f"http://{HOST}:{self._ports.gateway}"

    @property
    def stores(self) -> Stores:
        """Return where the queue and the records are, for who wants to look into them."""
        servers = self._servers
        return Stores(
            broker_url=servers.broker_url,
            ledger_url=servers.ledger_url or servers.broker_url,
            namespace=servers.namespace,
        )

    @property
    def outbox(self) -> Path:
        """Return the file to which the provider adds what it accepts."""
        return self.folder / "outbox.jsonl"

    @property
    def events(self) -> Sequence[str]:
        """Return what the supervisor said: who became ready, who died."""
        return self._say

    async def start(self) -> None:
        """Start everything; return when all services are ready."""
        self._ports = Ports(
            gateway=free_port(),
            publisher=free_port(),
            user_service=free_port(),
            dispatcher=free_port(),
        )
        await self._servers.start(self._supervisor)
        self._environment["QUEUE_NAMESPACE"] = self._servers.namespace
        self._programs = [
            ServiceProgram(service, self._environment, output=self._log)
            for service in self._system().services()
        ]
        await self._supervisor.start(self._programs)

    async def start_another(self, name: str, **environment: str) -> "Another":
        """Start one more process of a service, which nobody starts again when it dies."""
        template = next(each for each in self._system(1).services() if each.name == name)
        port = free_port()
        variable = f"{template.prefix}_PORT"
        service = replace(
            template,
            environment={**template.environment, variable: str(port), **environment},
            port=port,
        )
        program = ServiceProgram(service, self._environment, output=self._log)
        await program.start()
        return Another(program, service.url)

    async def stop(self) -> None:
        """Stop everything."""
        for extra in self._extras:
            extra.cancel()
        await asyncio.gather(*self._extras, return_exceptions=True)
        await self._supervisor.stop()
        await self._servers.stop()
        os.close(self._log)

    async def do(self, planned: PlannedFault) -> None:
        """Make one fault happen; return when it is over (recovery is another matter)."""
        servers = self._servers
        deeds: dict[Fault, Callable[[], Awaitable[None]]] = {
            Fault.KILL_GATEWAY: lambda: self._signal("gateway", signal.SIGKILL),
            Fault.KILL_PUBLISHER: lambda: self._signal("notification-publisher", signal.SIGKILL),
            Fault.KILL_DISPATCHER: lambda: self._signal("notification-dispatcher", signal.SIGKILL),
            Fault.KILL_USER_SERVICE: lambda: self._signal("user-service", signal.SIGKILL),
            Fault.TERMINATE_DISPATCHER: lambda: self._signal(
                "notification-dispatcher", signal.SIGTERM
            ),
            Fault.KILL_BROKER: lambda: servers.end_broker(signal.SIGKILL),
            Fault.RESTART_BROKER: lambda: servers.end_broker(signal.SIGTERM),
            Fault.KILL_LEDGER: lambda: servers.end_ledger(signal.SIGKILL),
            Fault.BROKER_ALARM: servers.alarm,
            Fault.CUT_CONNECTIONS: servers.cut,
            Fault.STALL_CONNECTIONS: servers.stall,
            Fault.DROP_REPLIES: servers.drop_replies,
            Fault.STALL_USER_SERVICE: self._freeze_user_service,
            Fault.FAILPOINT: lambda: self._trip(planned.detail),
        }
        await deeds[planned.fault]()

    def _system(self, dispatchers: int | None = None) -> LocalSystem:
        return LocalSystem(
            broker_url=self._servers.broker_url,
            ledger_url=self._servers.ledger_url,
            data_dir=self.folder,
            ports=self._ports,
            dispatchers=self._dispatchers if dispatchers is None else dispatchers,
            fake_outbox=str(self.outbox),
            log_format="json",
        )

    async def _signal(self, name: str, number: signal.Signals) -> None:
        running = [each for each in self._programs if each.name == name and each.pid]
        send_signal(self._chance.choice(running), number)

    async def _freeze_user_service(self) -> None:
        await self._signal("user-service", signal.SIGSTOP)
        await asyncio.sleep(FREEZE_SECONDS)
        await self._signal("user-service", signal.SIGCONT)

    async def _trip(self, failpoint: str) -> None:
        """Let one more dispatcher join in, which dies at a named line."""
        extra = (
            await self.start_another("notification-dispatcher", AN_FAILPOINT=f"{failpoint}:exit")
        ).program
        watching = asyncio.create_task(self._end(extra))
        self._extras.add(watching)
        watching.add_done_callback(self._extras.discard)

    async def _end(self, extra: ServiceProgram) -> None:
        try:
            async with asyncio.timeout(FAILPOINT_PATIENCE_SECONDS):
                await extra.wait()
        except TimeoutError:
            pass
        finally:
            await extra.stop()
