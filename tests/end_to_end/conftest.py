import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_kit.testing.ports import free_port

JsonObject = dict[str, Any]
PORTS = ("GATEWAY_PORT", "PUBLISHER_PORT", "USER_SERVICE_PORT", "DISPATCHER_PORT", "REDIS_PORT")


@dataclass
class System:
    """A whole AsyncNotify, as `make run` starts it, on ports of its own."""

    data_dir: Path
    settings: dict[str, str]
    process: subprocess.Popen[str] | None = None
    pids: dict[str, int] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None
    _said: "queue.Queue[str]" = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['GATEWAY_PORT']}"

    @property
    def outbox(self) -> Path:
        return self.data_dir / "outbox.jsonl"

    def received(self) -> list[JsonObject]:
        lines = self.outbox.read_text().splitlines() if self.outbox.exists() else []
        return [json.loads(line) for line in lines]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "asyncnotify.main", "up", "--data-dir", str(self.data_dir)],
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
        os.kill(self.pids[name], number)

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


def new_system(data_dir: Path, **settings: str) -> System:
    ports = {name: str(free_port()) for name in PORTS}
    return System(data_dir, ports | {"LOG_FORMAT": "json"} | settings)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = new_system(tmp_path_factory.mktemp("system"))
    running.start()
    yield running
    assert running.process is not None
    if running.process.poll() is None:
        running.stop(signal.SIGTERM)


@pytest.fixture
def fresh_system(tmp_path: Path) -> Iterator[Callable[..., System]]:
    started: list[System] = []

    def start(**settings: str) -> System:
        running = new_system(tmp_path / f"system-{len(started)}", **settings)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        if running.process is not None and running.process.poll() is None:
            running.stop(signal.SIGTERM)


@pytest.fixture
def http(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.url, trust_env=False, timeout=15) as client:
        yield client


@pytest.fixture
def until() -> Callable[..., Any]:
    """Call something again and again until its answer is true; return that answer."""

    def wait(probe: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            answer = probe()
            if answer or time.monotonic() > deadline:
                assert answer, f"not so within {seconds} s"
                return answer
            time.sleep(0.02)

    return wait
