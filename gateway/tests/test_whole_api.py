"""The document against what it describes: the services behind the gateway, on a real Redis."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from gateway.document import document_text, relayed_calls
from testkit.redis_server import redis_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

URLS = {
    "notification-publisher": "PUBLISHER_URL",
    "notification-dispatcher": "DISPATCHER_URL",
    "user-service": "USER_SERVICE_URL",
}
# Not every cursor that is text was handed out, and a notification that is cancelled is still found.
BEYOND_THE_SCHEMA = "positive_data_acceptance,use_after_free,ensure_resource_availability"
# Without GATEWAY_AUTH=keys no key is needed, whatever the document says of those who have it on.
NOT_LOCKED = "ignored_auth"
# `/dead-letters/replay` looks like a dead letter, too.
AMBIGUOUS = "allow_header_conformance"


class Programs:
    """Services that run on free ports, and write to files."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack

    def start(self, module: str, **settings: str) -> tuple[str, subprocess.Popen[bytes]]:
        """Start a service; return its url, once it is ready, and its process."""
        port = f"{module.removeprefix('notification_').upper()}_PORT"
        log = self.folder / f"{module}.log"
        output = self.stack.enter_context(log.open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=os.environ | {"LOG_FORMAT": "json", port: "0"} | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        self.stack.enter_context(process)
        self.stack.callback(process.terminate)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            for line in log.read_text().splitlines():
                if '"service.ready"' in line:
                    return json.loads(line)["url"], process
            time.sleep(0.05)
        raise AssertionError(f"{module} did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    with ExitStack() as stack:
        yield Programs(tmp_path_factory.mktemp("programs"), stack)


@pytest.fixture(scope="module")
def behind(programs, redis_server):  # noqa: F811 - the fixture
    """Where the gateway finds the services. The dispatcher leaves what is sent to the tests."""
    token = {"INTERNAL_TOKEN": "0123456789abcdef"}
    broker = token | {"BROKER_URL": redis_server.url}
    idle = broker | {"DISPATCHER_STAGES": "delivery.push"}
    users = token | {"USERS_DATABASE_URL": "memory://"}
    return token | {
        "PUBLISHER_URL": programs.start("notification_publisher", **broker)[0],
        "USER_SERVICE_URL": programs.start("user_service", **users)[0],
        "DISPATCHER_URL": programs.start("notification_dispatcher", **idle)[0],
    }


@pytest.fixture(scope="module")
def system(programs, behind):
    return programs.start("gateway", **behind)[0]


def gist_of(output: str) -> str:
    """What went wrong, without the pages of source that an error of the tool itself quotes."""
    lines = [line[:200] for line in output.splitlines() if line.strip()]
    return "\n".join(lines[-120:])


@pytest.mark.timeout(900)
def test_no_input_leads_to_an_answer_that_is_not_in_the_document(system, tmp_path):
    tool = Path(sys.executable).parent / "schemathesis"
    asked = [
        *("run", f"{system}/openapi.json"),
        *("--exclude-path-regex", "events$"),
        *("--exclude-checks", f"{BEYOND_THE_SCHEMA},{AMBIGUOUS},{NOT_LOCKED}"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "5"),
        # One worker: Python 3.11 may fail with "AST constructor recursion depth mismatch" where
        # two threads parse source at once, as Hypothesis does to describe its strategies.
        *("--workers", "1", "--seed", "1", "--request-timeout", "60"),
    ]

    outcome = subprocess.run(
        [tool, *asked], cwd=tmp_path, capture_output=True, text=True, timeout=880, check=False
    )

    assert outcome.returncode == 0, gist_of(outcome.stdout + outcome.stderr)


def test_no_call_is_answered_by_the_services_themselves(behind):
    calls = relayed_calls(document_text())
    with httpx.Client(trust_env=False, timeout=60) as client:
        answers = {
            (call.method, call.path): client.request(
                call.method, behind[URLS[call.service]] + call.path, content=b"{}"
            )
            for call in calls
        }

    assert calls
    assert {each.status_code for each in answers.values()} == {401}
    assert {each.json()["code"] for each in answers.values()} == {"unknown_caller"}


def test_a_notification_can_be_followed_to_its_end(system):
    with httpx.Client(base_url=system, trust_env=False, timeout=60) as client:
        sent = client.post("/notifications", content=b'{"user_id":"user_test","message":"m"}')
        found = sent.headers["Location"]
        with client.stream("GET", f"{found}/events") as stream:
            lines = stream.iter_lines()
            first = next(line for line in lines if line.startswith("data:"))
            cancelled = client.delete(found)
            rest = [line for line in lines if line.startswith("data:")]

    assert (sent.status_code, cancelled.status_code) == (202, 200)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert '"queued"' in first
    assert '"cancelled"' in rest[-1]


@pytest.mark.parametrize("user_id", ["a/b", "a?b", "..", "%2f", "a#b", "ü 🙂"])
def test_a_user_is_found_under_whatever_id_it_was_stored(system, user_id):
    path = "/users/" + (quote(user_id, safe="").replace(".", "%2E"))
    with httpx.Client(base_url=system, trust_env=False) as client:
        stored = client.put(path, content=b'{"email":"ada@example.com"}')
        contact = client.get(f"{path}/contact-info")

    assert (stored.status_code, stored.json()["user_id"]) == (201, user_id)
    assert contact.json()["email"] == "ada@example.com"


def test_the_same_key_gives_the_same_notification(system):
    with httpx.Client(base_url=system, trust_env=False) as client:
        body, headers = b'{"user_id":"user_test","message":"once"}', {"Idempotency-Key": "one"}
        first = client.post("/notifications", content=body, headers=headers)
        again = client.post("/notifications", content=body, headers=headers)
        other = client.post("/notifications", content=body.replace(b"on", b"tw"), headers=headers)

    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_gateway_that_is_told_to_stop_ends_its_streams_and_exits(programs, behind):
    url, gateway = programs.start("gateway", **behind)
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("GET", f"{url}/events") as stream,
    ):
        chunks = stream.iter_bytes()
        next(chunks)
        gateway.terminate()
        rest = list(chunks)

    assert rest == []
    assert gateway.wait(3) == 0
