"""What the limit of open files leaves of what was asked for, in processes of their own."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
soft, hard, asked, room = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from service_kit.http.limits import ServerLimits, grant
from service_kit.logs import configure_logging
configure_logging("kit", format="json", level="INFO")
granted = grant(ServerLimits(**asked), service="kit", **room)
left = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
print(json.dumps({"connections": granted.connections, "streams": granted.streams,
                  "queue": granted.accept_queue, "soft": left}))
"""


def granted(soft, hard, asked=None, room=None):
    argument = json.dumps([soft, hard, asked or {}, room or {}])
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, argument], capture_output=True, text=True, check=False
    )


def test_the_soft_limit_is_raised_to_the_hard_one():
    run = granted(256, 8192)

    [line] = run.stdout.splitlines()
    assert json.loads(line) == {"connections": 2000, "streams": 1000, "queue": 1024, "soft": 8192}


@pytest.mark.parametrize("room", [{}, {"upstream": 512, "per_stream": 1}])
@pytest.mark.parametrize("hard", [1024, 2048, 4096])
def test_what_is_granted_fits(hard, room):
    run = granted(256, hard, {"connections": 10_000, "streams": 9_000}, room)

    warning, line = map(json.loads, run.stdout.splitlines())
    needed = line["connections"] + line["queue"] + 32 + room.get("upstream", 0)
    assert needed + line["streams"] * room.get("per_stream", 0) <= hard
    assert line["streams"] <= line["connections"] // 2
    assert (warning["event"], warning["open_files"]) == ("limits.lowered", hard)
    assert warning["max_connections"] == line["connections"]
    assert warning["max_streams_wanted"] == 9_000


def test_too_few_open_files_stop_the_start_and_say_how_many_are_needed():
    run = granted(256, 256, {}, {"upstream": 512})

    assert run.returncode == 1
    assert run.stderr.startswith("kit: at most 256 files may be open, ")
    assert "raise the hard limit" in run.stderr
