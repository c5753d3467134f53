import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
import redis
from asyncnotify_prove.rabbitmq_node import RabbitNode
from testkit.patience import patient_client
from testkit.rabbitmq_server import (  # noqa: F401 - fixtures
    private_rabbitmq,
    rabbitmq_node,
)
from testkit.whole_system import System, new_system, until  # noqa: F401 - a fixture


@pytest.fixture(scope="session", autouse=True)
def heeded_signals() -> None:
    """Have systems heed what a terminal sends: in the background of a shell, or under `nohup`, they
    inherit that it is ignored.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> dict[str, str]:
    """Say which broker a system runs on; all that a user changes for it is one variable."""
    if request.param == "redis":
        return {}
    # Tests share a node, so each system has names of its own in it.
    node: RabbitNode = request.getfixturevalue("rabbitmq_node")
    return {"BROKER_URL": node.url}


@pytest.fixture(scope="module")
def system(broker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    settings = broker | {"UNKNOWN_VERSION_SECONDS": "0"}
    running = new_system(tmp_path_factory.mktemp("system"), settings)
    running.start()
    yield running
    assert running.process is not None
    if running.process.poll() is None:
        running.stop(signal.SIGTERM)


@pytest.fixture
def fresh_system(broker: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., System]]:
    started: list[System] = []

    def start(**settings: str) -> System:
        running = new_system(tmp_path / f"system-{len(started)}", broker | settings)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        if running.process is not None and running.process.poll() is None:
            running.stop(signal.SIGTERM)


@pytest.fixture(scope="session")
def make_system() -> Callable[[Path, dict[str, str]], System]:
    """Give what makes a system that is not started."""
    return new_system


@pytest.fixture
def unstarted_system(broker: dict[str, str], tmp_path: Path) -> System:
    """Give a system that the test starts in its own way, and stops."""
    return new_system(tmp_path / "system", broker)


@pytest.fixture
def http(system: System) -> Iterator[httpx.Client]:
    with patient_client(system.url) as client:
        yield client


class RedisByHand:
    """What somebody does with redis-cli."""

    def push(self, system: System, raw: bytes) -> None:
        self._redis(system).rpush(f"{{{system.namespace}:0}}:validation.normal:ready", raw)

    def dead_letter(self, system: System, trace_id: str) -> bytes | None:
        return self._redis(system).get(f"{{{system.namespace}:0}}:b:{trace_id}")

    def _redis(self, system: System) -> Any:
        return redis.Redis(port=int(system.settings["REDIS_PORT"]))


class RabbitByHand:
    """What somebody does in RabbitMQ's management page."""

    def push(self, system: System, raw: bytes) -> None:
        asyncio.run(self._push(system, raw))

    def dead_letter(self, system: System, trace_id: str) -> bytes | None:
        return asyncio.run(self._dead_letters(system)).get(trace_id)

    async def _push(self, system: System, raw: bytes) -> None:
        async with await aio_pika.connect(system.settings["BROKER_URL"]) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(f"{system.namespace}.input")
            await exchange.publish(aio_pika.Message(raw), "validation.normal")

    async def _dead_letters(self, system: System) -> dict[str, bytes]:
        found = {}
        async with await aio_pika.connect(system.settings["BROKER_URL"]) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(f"{system.namespace}.dlq.v1", ensure=False)
            while (letter := await queue.get(fail=False)) is not None:
                found[str(letter.headers["x-an-event"])] = letter.body
            await channel.close()
        return found


@pytest.fixture
def by_hand(broker: dict[str, str]) -> RedisByHand | RabbitByHand:
    return RabbitByHand() if broker else RedisByHand()


@dataclass
class RedisOutage:
    """The embedded Redis hangs, then dies; the supervisor starts it again."""

    settings: dict[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0

    def freeze(self, system: System) -> None:
        system.signal("redis", signal.SIGSTOP)

    def kill(self, system: System) -> None:
        system.signal("redis", signal.SIGCONT)
        system.signal("redis", signal.SIGKILL)


class RabbitOutage:
    """A node that nobody else uses hangs, then dies, and is started again."""

    # RabbitMQ 3.10 forgets how to consume queues that are younger than that when it is killed.
    after_seconds = 5.0

    def __init__(self, node: RabbitNode) -> None:
        self.settings = {"BROKER_URL": node.url}
        self._node = node

    def freeze(self, _: System) -> None:
        assert self._node.pid is not None
        os.kill(self._node.pid, signal.SIGSTOP)

    def kill(self, _: System) -> None:
        self._node.kill()
        self._node.start()


@pytest.fixture
def outage(broker: dict[str, str], request: pytest.FixtureRequest) -> RedisOutage | RabbitOutage:
    return RabbitOutage(request.getfixturevalue("private_rabbitmq")) if broker else RedisOutage()
