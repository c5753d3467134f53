"""The system in containers, exactly as `docker-compose up --build` brings it up.

Runs only with `-m compose`, against whatever engine DOCKER_HOST names.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from service_kit.testing.ports import free_port

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
SERVICES = {"gateway", "notification-publisher", "notification-dispatcher", "user-service"}
DEADLINE_SECONDS = 90


class Compose:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self._environment = os.environ | {
            "GATEWAY_PORT": str(port),
            "COMPOSE_PROJECT_NAME": f"asyncnotify-test-{port}",
        }

    def __call__(self, *arguments):
        done = subprocess.run(
            ["docker-compose", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def containers(self, service):
        return self("ps", "-q", service).split()

    def inspect(self, container):
        shown = subprocess.run(
            ["docker", "inspect", container], capture_output=True, text=True, check=True
        )
        return json.loads(shown.stdout)[0]

    def send(self, **fields):
        body = {"user_id": "user_test", "message": "hello from a container"} | fields
        answer = httpx.post(f"{self.url}/notifications", content=json.dumps(body), timeout=15)
        assert answer.status_code == 202, answer.text
        return answer.json()["trace_id"]

    def settled(self, trace_id):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            notification = httpx.get(f"{self.url}/notifications/{trace_id}", timeout=15).json()
            if notification["status"] in {"sent", "failed"}:
                return notification
            time.sleep(0.1)
        raise AssertionError(f"not settled: {notification}\n{self('logs', '--tail', '40')}")

    def wait_until_ready(self):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(self("logs", "--tail", "60"))


@pytest.fixture(scope="module")
def compose():
    running = Compose(free_port())
    try:
        running("up", "--build", "-d")
        running.wait_until_ready()
        yield running
    finally:
        running("down", "-v", "--timeout", "30")


def test_a_notification_is_sent(compose):
    notification = compose.settled(compose.send())

    assert notification["status"] == "sent"
    outbox = compose("exec", "-T", "notification-dispatcher", "cat", "/data/outbox.jsonl")
    assert notification["trace_id"] in outbox


def test_three_dispatchers_share_the_work(compose):
    compose("up", "-d", "--no-build", "--scale", "notification-dispatcher=3")
    compose.wait_until_ready()

    notifications = [compose.settled(each) for each in [compose.send() for _ in range(60)]]

    assert {notification["status"] for notification in notifications} == {"sent"}
    assert len(compose.containers("notification-dispatcher")) == 3


def test_only_the_gateway_is_published_and_only_on_loopback(compose):
    published = {
        service: [
            binding["HostIp"]
            for bindings in compose.inspect(compose.containers(service)[0])["NetworkSettings"][
                "Ports"
            ].values()
            for binding in bindings or ()
        ]
        for service in (*SERVICES, "redis")
    }

    assert published.pop("gateway") == ["127.0.0.1"]
    assert not any(published.values())


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_runs_unprivileged_and_holds_no_build_tools(compose, service):
    whoami = compose("exec", "-T", service, "id", "-u").strip()
    tools = compose(
        "exec", "-T", service, "sh", "-c", "command -v gcc cc make uv hatchling git; true"
    )

    assert whoami != "0"
    assert tools.strip() == ""
    assert compose.inspect(compose.containers(service)[0])["State"]["Health"]["Status"] in {
        "healthy",
        "starting",
    }


def test_a_stop_is_graceful_and_a_start_finds_everything(compose):
    trace_id = compose.send()
    compose.settled(trace_id)

    compose("stop", "--timeout", "30")
    exits = {
        service: compose.inspect(container)["State"]["ExitCode"]
        for service in SERVICES
        for container in compose("ps", "-a", "-q", service).split()
    }
    compose("start")
    compose.wait_until_ready()

    assert set(exits.values()) == {0}
    assert compose.settled(trace_id)["status"] == "sent"
