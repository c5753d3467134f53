"""Runs the whole system on this machine."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from service_kit.settings import load_settings

from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.internal_token import keep_token, needs_token
from asyncnotify.local.lab import lab_process, lab_settings
from asyncnotify.local.loaded import LoadedService, fork_loaded
from asyncnotify.local.ports import HOST
from asyncnotify.local.private_data import keep_private
from asyncnotify.local.settings import UpSettings, read_dotenv
from asyncnotify.local.supervised import Program
from asyncnotify.local.supervisor import ServiceProgram, StartFailed, Supervisor, send_signal
from asyncnotify.local.system import LocalSystem, Ports, ServiceProcess, taken_ports
from asyncnotify.local.terminal import say, spared_by_make


def run_system(
    gateway_port: int | None,
    data_dir: Path,
    broker_url: str | None,
    dispatchers: int,
    *,
    with_lab: bool = False,
) -> int:
    """Run all services until a signal; return the exit code. Options win over the environment."""
    environment = _environment()
    settings = load_settings(UpSettings)
    broker = broker_url or settings.broker_url or settings.rabbitmq_url
    if broker and broker.startswith("memory:"):
        say("memory:// lives in one process, and these are several; use redis:// or amqp://")
        return 2
    redis = f"redis://{HOST}:{settings.redis_port}/0"
    # RabbitMQ keeps no records. In a memory they would not outlive a stop and a start.
    ledger = settings.ledger_url or (redis if broker and broker.startswith("amqp") else "")
    system = LocalSystem(
        broker_url=broker or redis,
        ledger_url=ledger,
        gateway_host=settings.gateway_host,
        data_dir=data_dir.absolute(),
        ports=_ports(settings, gateway_port),
        dispatchers=dispatchers,
        users_database_url=settings.users_database_url,
        gateway_database_url=settings.gateway_database_url,
        fake_outbox=settings.fake_outbox,
        has_token=needs_token(environment),
    )
    embedded = None
    if redis in {system.broker_url, system.ledger_url}:
        embedded = _embedded_redis(settings, system)
    lab = lab_process(settings, system.data_dir) if with_lab else None
    loaded = _load(system)
    with spared_by_make(environment):
        return asyncio.run(_run(system, environment, embedded, lab, loaded))


def _environment() -> dict[str, str]:
    """Return the environment; `.env` has added to it what was not set."""
    # What is set stays where it is: setproctitle finds by it the place that `ps` reads.
    for name, value in read_dotenv(Path(".env")).items():
        os.environ.setdefault(name, value)
    return dict(os.environ)


def _load(system: LocalSystem) -> list[LoadedService]:
    """Load the services. From now on all that they and this process make is their user's alone."""
    keep_private(system.data_dir)
    if system.has_token:
        keep_token(system.token_file)
    return fork_loaded(system.services())


def _embedded_redis(settings: UpSettings, system: LocalSystem) -> EmbeddedRedis:
    return EmbeddedRedis(
        system.data_dir / "redis",
        port=settings.redis_port,
        binary=settings.redis_server,
        options={"maxmemory": settings.redis_maxmemory} if settings.redis_maxmemory else None,
        say=say,
    )


def _ports(settings: UpSettings, gateway: int | None) -> Ports:
    return Ports(
        gateway=gateway or settings.gateway_port,
        publisher=settings.publisher_port,
        user_service=settings.user_service_port,
        dispatcher=settings.dispatcher_port,
        redis=settings.redis_port,
    )


async def _run(
    system: LocalSystem,
    environment: dict[str, str],
    redis: EmbeddedRedis | None,
    lab: ServiceProcess | None,
    loaded: Sequence[LoadedService],
) -> int:
    services: list[ServiceProgram] = []
    stopping = _listen_for_signals(services)
    supervisor = Supervisor(say)

    async def start() -> None:
        needed: list[Program] = [ServiceProgram(lab, environment)] if lab else []
        await supervisor.start([*needed, *([redis] if redis else [])])
        if lab:
            environment.update(await lab_settings(lab, f"http://{HOST}:{system.ports.gateway}"))
        for process, ready_to_run in zip_longest(system.services(), loaded):
            services.append(ServiceProgram(process, environment, loaded=ready_to_run))
        await supervisor.start(services)

    starting = asyncio.create_task(start())
    asked_to_stop = asyncio.create_task(stopping.wait())
    failure = None
    try:
        await asyncio.wait([starting, asked_to_stop], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _say_ready(system, environment, lab)
        await asked_to_stop
    except StartFailed as error:
        failure = error
    finally:
        starting.cancel()
        await supervisor.stop()
    if failure is None:
        say("stopped")
        return 0
    say(str(failure))
    processes = [*([lab] if lab else []), *reversed(system.services())]
    for hint in taken_ports(processes, redis=system.ports.redis if redis else None):
        say(hint)
    return 1


def _say_ready(
    system: LocalSystem, environment: Mapping[str, str], lab: ServiceProcess | None
) -> None:
    if lab:
        say(f"what arrives: {lab.url}/lab/messages")
    if environment.get("GATEWAY_AUTH") == "keys":
        say(f"a key with which to make others: cat {system.first_key}")
    say(f"ready: http://localhost:{system.ports.gateway}")


def _listen_for_signals(services: Sequence[ServiceProgram]) -> asyncio.Event:
    """Return an event that is set when the system is to stop; USR1 makes all say what they do."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, stopping.set)

    def show_tasks() -> None:
        with suppress(OSError):
            for task in asyncio.all_tasks(loop):
                task.print_stack(limit=8, file=sys.stderr)
        for service in services:
            send_signal(service, signal.SIGUSR1)

    loop.add_signal_handler(signal.SIGUSR1, show_tasks)
    return stopping
