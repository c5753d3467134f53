"""`docker-compose stop` while notifications are being sent: cleanly, and nothing is sent twice.

Runs only with `-m compose`, against whatever engine DOCKER_HOST names.
"""

import collections
import json

import pytest

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]
DISPATCHERS = 2
RABBIT = {
    "BROKER_URL": "amqp://asyncnotify:asyncnotify@rabbitmq:5672/",
    "LEDGER_URL": "redis://redis:6379/0",
}


@pytest.fixture(
    params=[
        pytest.param(((), {}), id="redis"),
        pytest.param((("--profile", "rabbitmq"), RABBIT), id="rabbitmq"),
    ]
)
def loaded(new_project, request):
    """A system of which each dispatcher has its hands full."""
    options, environment = request.param
    project = new_project(*options, environment=environment, patience_seconds=300)
    project.up("--build", "--scale", f"notification-dispatcher={DISPATCHERS}")
    project.add_user("slow", "slow-2s@sim.example")
    project.insist("slow")
    return project


def sent(project):
    """Count what the provider got, by trace id."""
    outbox = project("exec", "-T", "notification-dispatcher", "cat", "/data/outbox.jsonl")
    return collections.Counter(json.loads(line)["trace_id"] for line in outbox.splitlines())


def test_a_stop_under_load_is_clean_and_sends_nothing_twice(loaded):
    trace_ids = {loaded.insist("slow") for _ in range(300)}

    loaded("stop")
    ended = {
        (service, loaded.inspect(container)["State"]["ExitCode"])
        for service in loaded("config", "--services").split()
        for container in loaded("ps", "-a", "-q", service).split()
    }
    loaded("start")
    loaded.wait_until_ready()
    for trace_id in trace_ids:
        assert loaded.settled(trace_id)["status"] == "sent"

    assert {code for _, code in ended} == {0}, ended
    counts = sent(loaded)
    assert trace_ids <= set(counts)
    assert {each for each, count in counts.items() if count > 1} == set()
