"""The client and its commands, against a whole system."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify import AsyncNotify


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
        said, complaints = watching.communicate(timeout=60)

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
    said, _ = counted.communicate(timeout=60)
    forgotten = command(
        system, "forget", "--before", "2001-01-01T00:00:00Z", stdin=subprocess.DEVNULL
    )
    answer, _ = forgotten.communicate(timeout=60)

    assert (said, counted.returncode) == ("0 would be forgotten\n", 0)
    assert (answer, forgotten.returncode) == ("0 are forgotten\n", 0)


def test_files_of_people_and_messages_go_in_batches_and_reach_each_once(system, until, tmp_path):
    people, messages = tmp_path / "people.csv", tmp_path / "messages.csv"
    names = [f"row-{number}" for number in range(600)]
    people.write_text("user_id,email\n" + "".join(f"{name},{name}@example.com\n" for name in names))
    rows = "".join(f"{name},hello {name}\n" for name in names)
    messages.write_text(f'user_id,message\n{rows}broken,"quote\n')

    stored = command(system, "import-users", str(people))
    assert stored.communicate(timeout=60)[0] == "600 rows, 0 refused\n"
    for options in ([], ["--again"]):
        sent = command(system, "send-many", str(messages), *options)
        assert sent.communicate(timeout=60)[0] == "601 rows, 1 refused\n"
        assert sent.returncode == 1

    def received():
        return [each["message"] for each in system.received() if "hello row-" in each["message"]]

    until(lambda: len(received()) >= len(names))
    assert sorted(received()) == sorted(f"hello {name}" for name in names)
