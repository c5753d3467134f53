"""A whole AsyncNotify, as `make run` starts it, for tests that look at it from outside."""

import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asyncnotify.local.ports import free_port
from asyncnotify_prove.outbox import read_outbox

JsonObject = dict[str, Any]
_CEILING_S = 150  # longer than the supervisor waits for a service that does not stop
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
        self.wait_for_line(r"ready: http://localhost:\d+$", _CEILING_S)

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        assert self._reader is not None
        self.process.send_signal(number)
        exit_code = self.process.wait(_CEILING_S)
        self._reader.join(_CEILING_S)
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


def new_system(data_dir: Path, settings: dict[str, str]) -> System:
    ports = {name: str(free_port()) for name in PORTS}
    own = {"LOG_FORMAT": "json", "QUEUE_NAMESPACE": f"e-{secrets.token_hex(4)}"}
    return System(data_dir, ports | own | settings)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Call something again and again until its answer is true; return that answer."""

    def wait(probe: Callable[[], Any], seconds: float = 60) -> Any:  # noqa: ANN401
        deadline = time.monotonic() + seconds
        while True:
            answer = probe()
            if answer or time.monotonic() > deadline:
                assert answer, f"not so within {seconds} s"
                return answer
            time.sleep(0.02)

    return wait
