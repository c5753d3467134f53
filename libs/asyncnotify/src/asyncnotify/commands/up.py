"""`asyncnotify up`: the whole system on this machine."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from service_kit.settings import load_settings

from asyncnotify.private_data import keep_private
from asyncnotify.redis_program import RedisProgram
from asyncnotify.settings import UpSettings, read_dotenv
from asyncnotify.supervisor import ServiceProgram, StartFailed, Supervisor
from asyncnotify.system import HOST, LocalSystem, Ports


def up(
    port: Annotated[int | None, typer.Option(help="The gateway's port.")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".data"),
    broker_url: Annotated[
        str | None, typer.Option(help="A broker to use instead of the embedded Redis.")
    ] = None,
    dispatchers: Annotated[int, typer.Option(min=1, max=64, help="How many workers.")] = 1,
) -> None:
    """Run the whole system on this machine until Ctrl-C."""
    environment = read_dotenv(Path(".env")) | dict(os.environ)
    os.environ.update(environment)
    settings = load_settings(UpSettings)
    broker = broker_url or settings.broker_url or settings.rabbitmq_url
    if broker and broker.startswith("memory:"):
        _say("memory:// lives in one process, and these are several; use redis:// or amqp://")
        raise typer.Exit(2)
    redis = f"redis://{HOST}:{settings.redis_port}/0"
    # RabbitMQ keeps no records. In a memory they would not outlive a stop and a start.
    ledger = settings.ledger_url or (redis if broker and broker.startswith("amqp") else "")
    system = LocalSystem(
        broker_url=broker or redis,
        ledger_url=ledger,
        data_dir=data_dir.absolute(),
        ports=_ports(settings, port),
        dispatchers=dispatchers,
        users_database_url=settings.users_database_url,
        fake_outbox=settings.fake_outbox,
    )
    embedded = None
    if redis in {system.broker_url, system.ledger_url}:
        embedded = _embedded_redis(settings, system)
    raise typer.Exit(asyncio.run(_run(system, environment, embedded)))


def _embedded_redis(settings: UpSettings, system: LocalSystem) -> RedisProgram:
    return RedisProgram(
        system.data_dir / "redis",
        settings.redis_port,
        server=settings.redis_server,
        maxmemory=settings.redis_maxmemory,
        say=_say,
    )


def _ports(settings: UpSettings, gateway: int | None) -> Ports:
    return Ports(
        gateway=gateway or settings.gateway_port,
        publisher=settings.publisher_port,
        user_service=settings.user_service_port,
        dispatcher=settings.dispatcher_port,
        redis=settings.redis_port,
    )


async def _run(system: LocalSystem, environment: dict[str, str], redis: RedisProgram | None) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    keep_private(system.data_dir)
    supervisor = Supervisor(_say)
    starting = asyncio.create_task(_start(supervisor, system, environment, redis))
    asked_to_stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([starting, asked_to_stop], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            _say(f"ready: http://localhost:{system.ports.gateway}")
        await asked_to_stop
    except StartFailed as error:
        _say(str(error))
        return 1
    finally:
        starting.cancel()
        await supervisor.stop()
    _say("stopped")
    return 0


async def _start(
    supervisor: Supervisor,
    system: LocalSystem,
    environment: dict[str, str],
    redis: RedisProgram | None,
) -> None:
    if redis:
        await supervisor.start([redis])
    await supervisor.start([ServiceProgram(each, environment) for each in system.services()])


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201 - the command's own output
