import asyncio
import csv
import os
import pty
import sys
from contextlib import suppress

import pytest
from testkit.redis_server import private_redis  # noqa: F401 - a fixture


class Command:
    """Runs the command as a user does: in a process of its own, in a terminal or a pipe."""

    def __init__(self, environment):
        self.environment = os.environ | environment

    async def __call__(self, *arguments, url="http://127.0.0.1:1", keys=None):
        """Return exit code, stdout and stderr. With `keys` it is at a terminal, and types them."""
        environment = self.environment | {"ASYNCNOTIFY_URL": url}
        terminal, stdin = pty.openpty() if keys is not None else (None, None)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "asyncnotify.main", *map(str, arguments)),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        if terminal is not None:
            os.write(terminal, keys.encode())
        out, err = await process.communicate()
        for each in filter(None, (terminal, stdin)):
            with suppress(OSError):
                os.close(each)
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
def command():
    return Command({"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})


@pytest.fixture
def write(tmp_path):
    def write_rows(*rows, header=("user_id", "message", "channel")):
        path = tmp_path / "people.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write_rows
