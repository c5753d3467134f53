"""The servers under a chaos run, with proxies before them; and what can be done to them."""

import asyncio
import secrets
import signal
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aio_pika
from aio_pika.exceptions import AMQPError
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify.local.ports import HOST, free_port
from asyncnotify.local.supervised import Program
from asyncnotify.local.supervisor import StartFailed, Supervisor, send_signal
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology
from notification_contracts.lanes import all_lanes
from redis.asyncio import Redis
from redis.exceptions import RedisError

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.rabbitmq_program import RabbitProgram
from asyncnotify_prove.tcp_proxy import TcpProxy
from asyncnotify_prove.wall_clock import WallClock

STALL_SECONDS: Final = 3.0
DROP_SECONDS: Final = 1.0
ALARM_SECONDS: Final = 3.0
JUMP_SECONDS: Final = 5.0
_REACH_SECONDS: Final = 5
_PORTS: Final = {"redis": 6379, "amqp": 5672}


class Servers:
    """Broker and ledger. In those that are not the run's own it uses names of its own."""

    def __init__(self, backing: Backing, folder: Path, *, sets_clock: bool = False) -> None:
        """`sets_clock` says that the clock of the run's Redis will be set; it is slower then."""
        self._backing = backing
        self._rabbitmq: RabbitProgram | None = None
        self._redis: EmbeddedRedis | None = None
        self._redis_port = free_port()
        if backing.is_on_rabbitmq and backing.owns_broker:
            self._rabbitmq = RabbitProgram(folder / "rabbitmq", free_port())
        self.clock = WallClock(folder / "redis-clock") if sets_clock else None
        if backing.owns_redis:
            environment = self.clock.environment if self.clock else None
            self._redis = EmbeddedRedis(
                folder / "redis", port=self._redis_port, environment=environment
            )
        self._proxies: dict[str, TcpProxy] = {}
        self._namespace = "an" if backing.owns_broker else f"prove-{secrets.token_hex(4)}"

    @property
    def broker_url(self) -> str:
        """Where the broker is, through the proxy."""
        return self._proxies["broker"].url

    @property
    def ledger_url(self) -> str:
        """Where the ledger is, through the proxy; empty if that is the broker."""
        ledger = self._proxies.get("ledger")
        return ledger.url if ledger else self._backing.ledger_url or ""

    @property
    def namespace(self) -> str:
        """What the names of queues and keys begin with."""
        return self._namespace

    async def start(self, supervisor: Supervisor) -> None:
        """Start what is the run's own, and the proxies.

        Raises:
            StartFailed: something does not start, or a server that should run can't be used.
        """
        own: list[Program] = [each for each in (self._rabbitmq, self._redis) if each]
        await supervisor.start(own)
        for url in self._urls().values():
            await _reach(url)
        self._proxies = {name: TcpProxy(url) for name, url in self._urls().items()}
        for proxy in self._proxies.values():
            await proxy.start()

    async def stop(self) -> None:
        """Stop the proxies; remove what the run left in servers that are not its own."""
        for proxy in self._proxies.values():
            await proxy.stop()
        if self._proxies and not self._backing.owns_broker:
            await self._clean(self._urls()["broker"])
        if "ledger" in self._proxies and not self._backing.owns_ledger:
            await self._clean(self._urls()["ledger"])

    async def _clean(self, url: str) -> None:
        remove = _remove_queues if urlsplit(url).scheme == "amqp" else _remove_keys
        await remove(url, self._namespace)

    async def end_broker(self, number: signal.Signals) -> None:
        """Send a signal to the broker; the supervisor starts it again."""
        send_signal(self._rabbitmq or self._redis, number)

    async def end_ledger(self, number: signal.Signals) -> None:
        """Send a signal to the ledger's Redis; the supervisor starts it again."""
        send_signal(self._redis, number)

    async def alarm(self) -> None:
        """Have the broker take nothing for some seconds."""
        if self._rabbitmq:
            await self._rabbitmq.raise_alarm(ALARM_SECONDS)

    async def jump_clock(self, offset: timedelta) -> None:
        """Let the clock of the run's Redis jump, and some seconds later back."""
        if self.clock:
            self.clock.set(offset)
            await asyncio.sleep(JUMP_SECONDS)
            self.clock.set(timedelta(0))

    async def cut(self) -> None:
        """Reset all connections."""
        for proxy in self._proxies.values():
            proxy.close_all()

    async def stall(self) -> None:
        """Let nothing through for some seconds."""
        for proxy in self._proxies.values():
            proxy.blackhole()
        await asyncio.sleep(STALL_SECONDS)
        self._heal()

    async def drop_replies(self) -> None:
        """Let nothing come back for a second."""
        for proxy in self._proxies.values():
            proxy.drop_replies()
        await asyncio.sleep(DROP_SECONDS)
        self._heal()

    def _heal(self) -> None:
        for proxy in self._proxies.values():
            proxy.heal()

    def _urls(self) -> dict[str, str]:
        backing, own_redis = self._backing, f"redis://{HOST}:{self._redis_port}/0"
        broker = self._rabbitmq.url if self._rabbitmq else own_redis
        urls = {"broker": broker if backing.owns_broker else _with_port(backing.broker_url)}
        if backing.ledger_url and not backing.is_tracked_in_memory:
            urls["ledger"] = own_redis if backing.owns_ledger else _with_port(backing.ledger_url)
        return urls


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    if parts.port:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.netloc}:{_PORTS[parts.scheme]}"))


async def _reach(url: str) -> None:
    try:
        if urlsplit(url).scheme == "amqp":
            await (await aio_pika.connect(url, timeout=_REACH_SECONDS)).close()
        else:
            async with Redis.from_url(url, socket_connect_timeout=_REACH_SECONDS) as redis:
                await redis.ping()
    except (AMQPError, RedisError, OSError) as error:
        where = urlsplit(url)
        raise StartFailed(f"{where.scheme}://{where.hostname}:{where.port}: {error}") from error


async def _remove_queues(url: str, namespace: str) -> None:
    lanes = all_lanes()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await Topology(RabbitOptions(namespace=namespace)).remove(channel, lanes)


async def _remove_keys(url: str, namespace: str) -> None:
    async with Redis.from_url(url) as redis:
        async for key in redis.scan_iter(f"{{{namespace}:*", count=1000):
            await redis.unlink(key)
