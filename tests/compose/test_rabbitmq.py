"""The same system on RabbitMQ, without Redis: `docker-compose --profile rabbitmq up`.

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

pytestmark = [pytest.mark.compose, pytest.mark.rabbitmq, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 180
ENDED = {"sent", "failed"}


class OnRabbit:
    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = os.environ | {
            "GATEWAY_PORT": str(port),
            "RABBITMQ_MANAGEMENT_PORT": str(free_port()),
            "COMPOSE_PROJECT_NAME": f"asyncnotify-rabbitmq-{port}",
            "RABBITMQ_USER": "notifier",
            "RABBITMQ_PASSWORD": "not-guest",
            "BROKER_URL": "amqp://notifier:not-guest@rabbitmq:5672/",
            "RETRY_SCHEDULE": "1s,1s,1s",
        }

    def __call__(self, *arguments):
        done = subprocess.run(
            ["docker-compose", "--profile", "rabbitmq", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def add_user(self, user_id, email):
        contact = {"email": email, "preferred_channel": "email"}
        answer = httpx.put(f"{self.url}/users/{user_id}", content=json.dumps(contact), timeout=15)
        assert answer.is_success, answer.text

    def send(self, user_id):
        body = {"user_id": user_id, "message": "hello from a container"}
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            answer = httpx.post(f"{self.url}/notifications", content=json.dumps(body), timeout=15)
            if answer.status_code == 202:
                return answer.json()["trace_id"]
            assert answer.status_code in {502, 503}, answer.text
            time.sleep(0.5)
        raise AssertionError(self("logs", "--tail", "60"))

    def settled(self, trace_id):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            notification = httpx.get(f"{self.url}/notifications/{trace_id}", timeout=15).json()
            if notification.get("status") in ENDED:
                return notification
            time.sleep(0.2)
        raise AssertionError(f"not settled: {notification}\n{self('logs', '--tail', '60')}")

    def wait_until_it_answers(self):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        raise AssertionError(self("logs", "--tail", "60"))

    def wait_until_queue_holds(self, name, count):
        # RabbitMQ counts what is in a quorum queue every few seconds.
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            listed = self(
                "exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_queues", "name", "messages"
            )
            if dict(line.split() for line in listed.splitlines()).get(name) == str(count):
                return
            time.sleep(1)
        raise AssertionError(listed)


@pytest.fixture(scope="module")
def rabbit():
    running = OnRabbit()
    try:
        running("up", "--build", "-d", "--scale", "redis=0")
        running.wait_until_it_answers()
        yield running
    finally:
        running("down", "-v", "--timeout", "30")


def test_a_notification_is_sent_without_redis(rabbit):
    notification = rabbit.settled(rabbit.send("user_test"))

    assert notification["status"] == "sent"
    assert rabbit("ps", "-q", "redis").split() == []


def test_a_failure_passes_through_retry(rabbit):
    rabbit.add_user("flaky", "fail-1-then-ok@sim.example")

    notification = rabbit.settled(rabbit.send("flaky"))

    assert (notification["status"], notification["attempts"]) == ("sent", 2)
    assert "retrying" in [entry["status"] for entry in notification["timeline"]]


def test_a_failure_for_good_ends_among_the_dead_letters(rabbit):
    rabbit.add_user("hopeless", "fail-permanent@sim.example")
    trace_id = rabbit.send("hopeless")

    assert rabbit.settled(trace_id)["status"] == "failed"
    letters = httpx.get(f"{rabbit.url}/dead-letters", timeout=15).json()["items"]
    assert trace_id in [letter["trace_id"] for letter in letters]
    rabbit.wait_until_queue_holds("an.dlq.v1", 1)
