"""The system in containers, exactly as `docker-compose up --build` brings it up.

Runs only with `-m compose`, against whatever engine DOCKER_HOST names.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
SERVICES = {"gateway", "notification-publisher", "notification-dispatcher", "user-service"}


@pytest.fixture(scope="module")
def compose(new_project):
    running = new_project()
    running.up("--build")
    return running


def test_a_notification_is_sent(compose):
    notification = compose.settled(compose.send())

    assert notification["status"] == "sent"
    outbox = compose("exec", "-T", "notification-dispatcher", "cat", "/data/outbox.jsonl")
    assert notification["trace_id"] in outbox


def test_three_dispatchers_share_the_work(compose):
    compose.up("--no-build", "--scale", "notification-dispatcher=3")

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


def test_a_first_key_is_there_although_none_is_needed_on_loopback(compose):
    key = compose("exec", "-T", "gateway", "cat", "/data/first-key").strip()

    assert key.startswith("an_live_")
    assert "docker-compose exec gateway cat /data/first-key" in compose("logs", "gateway")


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


TEST_CODE = ("testkit", "tests", "pytest", "hypothesis", "asyncnotify", "asyncnotify_prove")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_holds_no_test_code(compose, service):
    # As `python /app` sees it.
    program = (
        "import sys; from importlib.util import find_spec; sys.path.insert(0, '/app');"
        f"assert find_spec('service_kit'); print(*filter(find_spec, {TEST_CODE}))"
    )

    assert compose("exec", "-T", service, "python", "-c", program).strip() == ""


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_holds_the_own_packages_that_its_service_needs_and_no_more(compose, service):
    own = subprocess.run(
        [sys.executable, ROOT / "requirements/own_packages.py", service],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    listed = compose("exec", "-T", service, "sh", "-c", "cd /app && ls -d *.dist-info").split()

    names = {each.split("-0.")[0].replace("_", "-") for each in listed}
    assert names == {Path(folder).name for folder in own}


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
