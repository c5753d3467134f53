"""The same system on RabbitMQ: `docker-compose --profile rabbitmq up`, with and without Redis.

Runs only with `-m compose`, against whatever engine DOCKER_HOST names.
"""

import httpx
import pytest

pytestmark = [pytest.mark.compose, pytest.mark.rabbitmq, pytest.mark.timeout(900)]
ENVIRONMENT = {
    "RABBITMQ_USER": "notifier",
    "RABBITMQ_PASSWORD": "not-guest",
    "BROKER_URL": "amqp://notifier:not-guest@rabbitmq:5672/",
    "RETRY_SCHEDULE": "1s,1s,1s",
}


@pytest.fixture(scope="module")
def rabbit(new_project):
    running = new_project("--profile", "rabbitmq", environment=ENVIRONMENT)
    running.up("--build", "--scale", "redis=0")
    return running


def test_a_notification_is_sent_without_redis(rabbit):
    notification = rabbit.settled(rabbit.insist())

    assert notification["status"] == "sent"
    assert rabbit.containers("redis") == []


def test_a_failure_passes_through_retry(rabbit):
    rabbit.add_user("flaky", "fail-1-then-ok@sim.example")

    notification = rabbit.settled(rabbit.insist("flaky"))

    assert (notification["status"], notification["attempts"]) == ("sent", 2)
    assert "retrying" in [entry["status"] for entry in notification["timeline"]]


def test_a_failure_for_good_ends_among_the_dead_letters(rabbit):
    rabbit.add_user("hopeless", "fail-permanent@sim.example")
    trace_id = rabbit.insist("hopeless")

    assert rabbit.settled(trace_id)["status"] == "failed"
    letters = httpx.get(f"{rabbit.url}/dead-letters", timeout=60).json()["items"]
    assert trace_id in [letter["trace_id"] for letter in letters]
    # RabbitMQ counts what is in a quorum queue every few seconds.
    rabbit.until(lambda: queues(rabbit).get("an.dlq.v1") == "1")


def test_the_guest_account_is_refused(rabbit):
    users = rabbit("exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_users").splitlines()

    assert [line.split()[0] for line in users[1:]] == ["notifier"]


def test_records_in_redis_survive_all_services(rabbit):
    rabbit.environment["LEDGER_URL"] = "redis://redis:6379/0"
    rabbit.up("--no-build")
    notification = rabbit.settled(rabbit.insist())

    rabbit("restart", "notification-publisher", "notification-dispatcher")
    rabbit.wait_until_ready()

    assert notification["status"] == "sent"
    assert rabbit.settled(notification["trace_id"]) == notification


def queues(rabbit):
    """Count the messages in each queue."""
    listed = rabbit(
        "exec", "-T", "rabbitmq", "rabbitmqctl", "-q", "list_queues", "name", "messages"
    )
    return dict(line.split() for line in listed.splitlines())
