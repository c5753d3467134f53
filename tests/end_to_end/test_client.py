"""The client, its page and its commands, against a whole system."""

import doctest
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncnotify import AsyncNotify, Client
from asyncnotify.django import user_id_of
from testkit.http import asgi_client

DOCS = Path(__file__).parents[2] / "docs"
CONSOLE = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page():
    """Get what stands in consoles of the page, as one session."""
    path = DOCS / "client.md"
    session = "".join(CONSOLE.findall(path.read_text()))
    return doctest.DocTestParser().get_doctest(session, {}, path.name, str(path), 0)


def command(system, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "asyncnotify.main", *arguments],
        env=os.environ | {"ASYNCNOTIFY_URL": system.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["deploy", "crash"])
async def test_watch_goes_on_until_the_end_when_the_gateway_is_restarted(system, until, how):
    async with AsyncNotify(system.url) as notify:
        later = datetime.now(UTC) + timedelta(hours=1)
        trace_id = (await notify.send("user_test", "later", send_at=later))["trace_id"]
        watching = command(system, "watch", trace_id)
        assert json.loads(watching.stdout.readline())["status"] == "scheduled"

        gateway = system.pids["gateway"]
        system.signal("gateway", how)
        until(lambda: system.pids["gateway"] != gateway, seconds=60)
        await notify.cancel(trace_id)
        said, complaints = watching.communicate(timeout=120)

    changes = [json.loads(line) for line in said.splitlines()]
    assert [each["status"] for each in changes] == ["cancelled"]
    assert changes[0]["id"]
    assert "reconnecting: " in complaints
    # The HTTP library's words are not for whoever watches.
    assert "Error" not in complaints
    assert "payload" not in complaints
    assert watching.returncode == 0


def test_what_ended_long_ago_is_forgotten_by_the_command(system):
    counted = command(system, "forget", "--before", "2001-01-01T00:00:00Z", "--dry-run")
    said, _ = counted.communicate(timeout=120)
    forgotten = command(
        system, "forget", "--before", "2001-01-01T00:00:00Z", stdin=subprocess.DEVNULL
    )
    answer, _ = forgotten.communicate(timeout=120)

    assert (said, counted.returncode) == ("0 would be forgotten\n", 0)
    assert (answer, forgotten.returncode) == ("0 forgotten\n", 0)


def test_files_of_people_and_messages_go_in_batches_and_reach_each_once(system, until, tmp_path):
    people, messages = tmp_path / "people.csv", tmp_path / "messages.csv"
    names = [f"row-{number}" for number in range(600)]
    people.write_text("user_id,email\n" + "".join(f"{name},{name}@example.com\n" for name in names))
    rows = "".join(f"{name},hello {name}\n" for name in names)
    messages.write_text(f'user_id,message\n{rows}broken,"quote\n')

    stored = command(system, "import-users", str(people))
    assert stored.communicate(timeout=120)[0] == "600 rows: 600 accepted, 0 refused\n"
    for options in ([], ["--again"]):
        sent = command(system, "send-many", str(messages), *options)
        assert sent.communicate(timeout=120)[0] == "601 rows: 600 accepted, 1 refused\n"
        assert sent.returncode == 1

    def received():
        return [each["message"] for each in system.received() if "hello row-" in each["message"]]

    until(lambda: len(received()) >= len(names))
    assert sorted(received()) == sorted(f"hello {name}" for name in names)


def test_the_consoles_of_the_page_show_what_happens(system, page, monkeypatch):
    page.examples[1].source = f"notify = Client({system.url!r})\n"
    monkeypatch.setenv("ASYNCNOTIFY_URL", system.url)
    said = []

    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    outcome = runner.run(page, out=said.append)

    assert outcome.failed == 0, "".join(said)
    assert outcome.attempted > 25


async def test_the_example_of_fastapi_sends(system, monkeypatch):
    monkeypatch.setenv("ASYNCNOTIFY_URL", system.url)
    example = runpy.run_path(str(DOCS / "examples/fastapi_shop.py"))
    async with asgi_client(example["app"]) as shop:
        answer = await shop.post("/orders/user_test")
    await example["notify"].close()

    assert answer.status_code == 202
    with Client(system.url) as notify:
        assert notify.wait(answer.json()["trace_id"]).status == "sent"


def test_the_example_of_django_sends(system):
    done = subprocess.run(
        [sys.executable, DOCS / "examples/django_mail.py", "ada@example.com"],
        env=os.environ | {"ASYNCNOTIFY_URL": system.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "")
    with Client(system.url) as notify:
        [sent] = notify.iter_notifications(user_id=user_id_of("ada@example.com"))
        notify.wait(sent.trace_id)
    [mail] = [each for each in system.received() if each["address"] == "ada@example.com"]
    assert mail["message"] == "your purchase was completed successfully"
