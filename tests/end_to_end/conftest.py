import asyncio
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
import httpx
import pytest
import redis
from asyncnotify.local.ports import free_port
from asyncnotify_prove.outbox import read_outbox
from asyncnotify_prove.rabbitmq_node import RabbitNode
from testkit.rabbitmq_server import (  # noqa: F401 - fixtures
    private_rabbitmq,
    rabbitmq_node,
)

JsonObject = dict[str, Any]
UP = (sys.executable, "-m", "asyncnotify.main", "up")
PORTS = ("GATEWAY_PORT", "PUBLISHER_PORT", "USER_SERVICE_PORT", "DISPATCHER_PORT", "REDIS_PORT")


@dataclass
class System:
    """A whole AsyncNotify, as `make run` starts it, on ports of its own."""

    data_dir: Path
    settings: dict[str, str]
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    pids: dict[str, int] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None
    _said: "queue.Queue[str]" = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['GATEWAY_PORT']}"

    @property
    def namespace(self) -> str:
        return self.settings["QUEUE_NAMESPACE"]

    @property
    def outbox(self) -> Path:
        return self.data_dir / "outbox.jsonl"

    def received(self) -> list[JsonObject]:
        return read_outbox(self.outbox)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*UP, "--data-dir", str(self.data_dir), *self.options],
            env=os.environ | self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        self.wait_for_line(r"ready: http://localhost:\d+$", 60)

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        assert self._reader is not None
        self.process.send_signal(number)
        exit_code = self.process.wait(60)
        self._reader.join(10)
        return exit_code

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one service; the supervisor starts it again."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return os.kill(self.pids[name], number)
            except ProcessLookupError:  # it is being started again
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def wait_for_line(self, pattern: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._said.get(timeout=left)
            except queue.Empty:
                break
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no line like {pattern!r} in:\n" + "\n".join(self.output[-40:]))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for raw in stream:
                line = raw.rstrip("\n")
                self.output.append(line)
                announced = re.match(r"(\S+) is (?:ready|back) \(pid (\d+)\)", line)
                if announced:
                    self.pids[announced[1]] = int(announced[2])
                self._said.put(line)


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> dict[str, str]:
    """Say which broker a system runs on; all that a user changes for it is one variable."""
    if request.param == "redis":
        return {}
    # Tests share a node, so each system has names of its own in it.
    node: RabbitNode = request.getfixturevalue("rabbitmq_node")
    return {"BROKER_URL": node.url}


def new_system(data_dir: Path, settings: dict[str, str]) -> System:
    ports = {name: str(free_port()) for name in PORTS}
    own = {"LOG_FORMAT": "json", "QUEUE_NAMESPACE": f"e-{secrets.token_hex(4)}"}
    return System(data_dir, ports | own | settings)


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
    with httpx.Client(base_url=system.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def until() -> Callable[..., Any]:
    """Call something again and again until its answer is true; return that answer."""

    def wait(probe: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            answer = probe()
            if answer or time.monotonic() > deadline:
                assert answer, f"not so within {seconds} s"
                return answer
            time.sleep(0.02)

    return wait


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
