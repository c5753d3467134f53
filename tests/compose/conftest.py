import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from asyncnotify.local.ports import free_port

ROOT = Path(__file__).parents[2]
ENDED = {"sent", "failed"}


class Compose:
    """A project of docker-compose, under a name and on ports of its own."""

    def __init__(
        self,
        *options: str,
        environment: Mapping[str, str] | None = None,
        patience_seconds: float = 240,
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "GATEWAY_PORT": str(port),
            "RABBITMQ_MANAGEMENT_PORT": str(free_port()),
            "COMPOSE_PROJECT_NAME": f"asyncnotify-test-{port}",
            **(environment or {}),
        }
        self._options = options
        self._patience_seconds = patience_seconds

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker-compose", *self._options, *arguments],
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        self("up", "-d", *arguments)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.until(lambda: httpx.get(f"{self.url}/health/ready", timeout=60).is_success)

    def containers(self, service: str) -> list[str]:
        return self("ps", "-q", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        shown = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        return json.loads(shown.stdout)[0]

    def add_user(self, user_id: str, email: str) -> None:
        contact = {"email": email, "preferred_channel": "email"}
        answer = httpx.put(f"{self.url}/users/{user_id}", content=json.dumps(contact), timeout=60)
        assert answer.is_success, answer.text

    def send(self, user_id: str = "user_test") -> str:
        answer = self._post(user_id)
        assert answer.status_code == 202, answer.text
        return answer.json()["trace_id"]

    def insist(self, user_id: str = "user_test") -> str:
        """Send one, however long its broker takes to be there."""

        def accepted() -> str | None:
            answer = self._post(user_id)
            assert answer.status_code in {202, 502, 503}, answer.text
            return answer.json()["trace_id"] if answer.status_code == 202 else None

        return self.until(accepted)

    def settled(self, trace_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            notification = httpx.get(f"{self.url}/notifications/{trace_id}", timeout=60).json()
            return notification if notification.get("status") in ENDED else None

        return self.until(ended)

    def until(self, probe: Callable[[], Any], seconds: float | None = None) -> Any:
        """Call something until its answer is true, whether or not anyone listens yet."""
        deadline = time.monotonic() + (seconds or self._patience_seconds)
        while time.monotonic() < deadline:
            try:
                if answer := probe():
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(self("logs", "--tail", "60"))

    def _post(self, user_id: str) -> httpx.Response:
        body = {"user_id": user_id, "message": "hello from a container"}
        return httpx.post(f"{self.url}/notifications", content=json.dumps(body), timeout=60)


@pytest.fixture(scope="module")
def new_project() -> Iterator[Callable[..., Compose]]:
    """Make projects, which are removed with all that they have kept."""
    projects: list[Compose] = []

    def make(*options: str, **details: Any) -> Compose:
        projects.append(Compose(*options, **details))
        return projects[-1]

    yield make
    for project in projects:
        project("down", "-v", "--timeout", "30")
