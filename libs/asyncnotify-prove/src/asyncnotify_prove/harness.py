"""The system that a chaos run is about, and what can be done to it."""

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from asyncnotify.local.ports import HOST, free_port
from asyncnotify.local.supervisor import Supervisor, send_signal
from asyncnotify.local.system import LocalSystem, Ports
from notification_ledger.settings import Stores

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.dispatchers import DISPATCHER, Dispatchers, WatchedProgram
from asyncnotify_prove.fault_log import FaultLog
from asyncnotify_prove.faults import BEHIND, PROVIDER_FAULTS, Fault, PlannedFault
from asyncnotify_prove.half_sent import HalfSentRequests
from asyncnotify_prove.lab_providers import LabProviders
from asyncnotify_prove.readiness import Probe
from asyncnotify_prove.servers import Servers
from asyncnotify_prove.wall_clock import WallClock

FREEZE_SECONDS: Final = 6.0
STANDSTILL_SECONDS: Final = 4.0
FAILPOINT_SECONDS: Final = 15.0
DISPATCHERS: Final = 2
HOUR: Final = timedelta(hours=1)
EXTRA_DISPATCHERS: Final = 2
"""How many more dispatchers may be at work at a time, more or less."""

# Shorter than the defaults, so that a run of a minute sees retries end; the mechanism is the same.
ENVIRONMENT: Final = {
    "RETRY_SCHEDULE": "1s,1s,2s,2s,3s,3s,4s,4s,5s,5s,5s",
    "LOG_LEVEL": "WARNING",
}


Action = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ExtraProcess:
    """A process that was started beside the system's own, and where it listens."""

    program: WatchedProgram
    url: str


class Harness:
    """A whole system on free ports, with a proxy between the services and their broker."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 0,
        dispatchers: int = DISPATCHERS,
        environment: Mapping[str, str] | None = None,
        backing: Backing | None = None,
        sets_clock: bool = False,
    ) -> None:
        """`environment` is added to that of all services; `sets_clock` as of `Servers`.

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
        self._servers = Servers(backing or Backing(), folder, sets_clock=sets_clock)
        self._programs: list[WatchedProgram] = []
        has_lab = backing is not None and backing.has_lab
        self.lab = LabProviders(folder / "lab", self._chance) if has_lab else None
        self.fault_log = FaultLog()
        self.dispatchers = Dispatchers(self.fault_log, self._chance)
        self._numbers = itertools.count()
        self._attacks: set[asyncio.Task[None]] = set()
        self._log = os.open(folder / "services.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @property
    def url(self) -> str:
        """Return where the gateway is."""
        return f"http://{HOST}:{self._ports.gateway}"

    @property
    def clock(self) -> WallClock | None:
        """Return the clock of the run's own Redis, if it can be set."""
        return self._servers.clock

    @property
    def lease(self) -> float:
        """Return for how many seconds a notification is a silent dispatcher's."""
        return float(self._environment.get("LEASE_SECONDS", "60"))

    @property
    def in_hand(self) -> int:
        """Return how many notifications of one queue all dispatchers may hold together."""
        each = int(self._environment.get("DISPATCHER_CONCURRENCY", "64"))
        return each * (self._dispatchers + EXTRA_DISPATCHERS)

    def probes(self) -> Sequence[Probe]:
        """Return how each service is asked whether it is ready."""
        return [each.probe for each in self._programs]

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
            dispatcher=free_port(in_a_row=max(self._dispatchers, 1)),
        )
        await self._servers.start(self._supervisor)
        self._environment["QUEUE_NAMESPACE"] = self._servers.namespace
        if self.lab:
            self._environment |= await self.lab.start()
        self._programs = [
            WatchedProgram(service, self._environment, output=self._log, fault_log=self.fault_log)
            for service in self._system().services()
        ]
        self.dispatchers.own = [each for each in self._programs if each.name == DISPATCHER]
        await self._supervisor.start(self._programs)

    async def start_another(self, name: str, **environment: str) -> "ExtraProcess":
        """Start one more process of a service, which is not restarted when it dies."""
        template = next(each for each in self._system(1).services() if each.name == name)
        port = free_port()
        variable = f"{template.prefix}_PORT"
        service = replace(
            template,
            environment={**template.environment, variable: str(port), **environment},
            port=port,
        )
        program = WatchedProgram(
            service, self._environment, output=self._log, fault_log=self.fault_log
        )
        await program.start()
        return ExtraProcess(program, service.url)

    async def stop(self) -> None:
        """Stop everything."""
        await self.dispatchers.stop_extra_ones()
        for attack in self._attacks:
            attack.cancel()
        await asyncio.gather(*self._attacks, return_exceptions=True)
        await self._supervisor.stop()
        await self._servers.stop()
        if self.lab:
            await self.lab.stop()
        os.close(self._log)

    async def do(self, planned: PlannedFault) -> None:
        """Make one fault happen; return when it is over (recovery is another matter)."""
        actions = self._actions_on_services() | self._actions_on_servers()
        offset = -HOUR if planned.detail == BEHIND else HOUR
        actions |= {
            Fault.FAILPOINT: lambda: self._trip_failpoint(planned.detail),
            Fault.WRONG_CLOCK: lambda: self._start_one_with_a_wrong_clock(offset),
            Fault.CLOCK_JUMP: lambda: self._jump_a_clock(offset),
            Fault.BROKER_CLOCK_JUMP: lambda: self._jump_the_brokers_clock(offset),
        }
        if self.lab and planned.fault in PROVIDER_FAULTS:
            await self.lab.do(planned.fault)
        else:
            await actions[planned.fault]()

    def _actions_on_services(self) -> dict[Fault, Action]:
        return {
            Fault.KILL_GATEWAY: lambda: self._signal("gateway", signal.SIGKILL),
            Fault.KILL_PUBLISHER: lambda: self._signal("notification-publisher", signal.SIGKILL),
            Fault.KILL_USER_SERVICE: lambda: self._signal("user-service", signal.SIGKILL),
            Fault.STALL_USER_SERVICE: self._freeze_user_service,
            Fault.KILL_DISPATCHER: self.dispatchers.kill_one,
            Fault.TERMINATE_DISPATCHER: self.dispatchers.terminate_one,
            Fault.FREEZE_DISPATCHER: self._freeze_an_extra_one,
            Fault.FREEZE_ALL_DISPATCHERS: lambda: self.dispatchers.freeze_all(STANDSTILL_SECONDS),
            Fault.SLOW_DISPATCHER: self._start_a_slow_one,
            Fault.HALF_SENT: self._hold_connections,
        }

    def _actions_on_servers(self) -> dict[Fault, Action]:
        servers = self._servers
        return {
            Fault.KILL_BROKER: lambda: servers.end_broker(signal.SIGKILL),
            Fault.RESTART_BROKER: lambda: servers.end_broker(signal.SIGTERM),
            Fault.KILL_LEDGER: lambda: servers.end_ledger(signal.SIGKILL),
            Fault.BROKER_ALARM: servers.alarm,
            Fault.CUT_CONNECTIONS: servers.cut,
            Fault.STALL_CONNECTIONS: servers.stall,
            Fault.DROP_REPLIES: servers.drop_replies,
        }

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

    async def _trip_failpoint(self, failpoint: str) -> None:
        """Start an extra dispatcher that dies at a named line."""
        extra = await self._start_extra(f"{failpoint}:exit")
        self.dispatchers.until_dead(extra, seconds=FAILPOINT_SECONDS)

    async def _freeze_an_extra_one(self) -> None:
        """Start an extra one that takes its time between receiving and starting, and freeze it."""
        extra = await self._start_extra("worker.after_receive:sleep=0.5")
        self.dispatchers.freeze_later(extra, after=1.5, seconds=self.lease + 3)

    async def _start_a_slow_one(self) -> None:
        extra = await self._start_extra(f"worker.after_receive:sleep={self.lease * 1.4}")
        self.dispatchers.stay(extra, seconds=self.lease * 2)

    async def _start_one_with_a_wrong_clock(self, offset: timedelta) -> None:
        clock = self._new_clock(offset)
        extra = await self._start_extra("worker.after_receive:sleep=0.2", **clock.environment)
        self.dispatchers.stay(extra, seconds=self.lease * 2)

    async def _jump_a_clock(self, offset: timedelta) -> None:
        clock = self._new_clock(timedelta(0))
        extra = await self._start_extra("worker.after_receive:sleep=0.5", **clock.environment)
        self.dispatchers.stay(extra, seconds=self.lease, then=lambda: clock.set(offset))

    async def _jump_the_brokers_clock(self, offset: timedelta) -> None:
        start = time.time()
        try:
            await self._servers.jump_clock(offset)
        finally:
            self.fault_log.jumps.append((start, time.time()))

    def _new_clock(self, offset: timedelta) -> WallClock:
        return WallClock(self.folder / f"clock-{next(self._numbers)}", offset)

    async def _start_extra(self, failpoint: str, **environment: str) -> WatchedProgram:
        environment["AN_FAILPOINT"] = failpoint
        return (await self.start_another(DISPATCHER, **environment)).program

    async def _hold_connections(self) -> None:
        attack = HalfSentRequests(self.url, self.fault_log)
        await attack.begin()
        task = asyncio.create_task(attack.hold())
        self._attacks.add(task)
        task.add_done_callback(self._attacks.discard)

    async def settle(self) -> None:
        """Wait until every fault that runs on its own is over."""
        await self.dispatchers.until_extra_ones_ended()
        await asyncio.gather(*self._attacks, return_exceptions=True)
