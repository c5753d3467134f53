import asyncio
import csv
import json
import os
import pty
import sys
from collections import defaultdict
from contextlib import suppress

import pytest
from asyncnotify.main import app
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from testkit.http import live_server
from testkit.redis_server import private_redis  # noqa: F401 - a fixture
from typer.testing import CliRunner


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


class Api:
    """Answers as it is told, by method and path; keeps what it was asked."""

    url: str

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.bodies = defaultdict(list)
        self.keys = set()

    async def answer(self, request):
        call = f"{request.method} {request.url.path}"
        self.asked.append(f"{call}?{request.url.query}" if request.url.query else call)
        self.keys.add(request.headers.get("authorization"))
        if body := await request.body():
            self.bodies[call].append(json.loads(body))
        status, document = self.answers.get(call, (404, {"code": "not_found", "detail": "gone"}))
        kind = "application/problem+json" if status >= 400 else "application/json"
        if document is None:
            return Response(status_code=status)
        return JSONResponse(document, status, media_type=kind)


@pytest.fixture
async def api():
    api = Api()
    methods = ["GET", "POST", "PUT", "DELETE"]
    routes = [Route("/{path:path}", api.answer, methods=methods)]
    async with live_server(Starlette(routes=routes)) as api.url:
        yield api


@pytest.fixture
def invoke(api, monkeypatch):
    """Run the command in this process, against `api`; return its result."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("ASYNCNOTIFY_URL", api.url)

    async def run(*arguments, **options):
        return await asyncio.to_thread(CliRunner().invoke, app, [*map(str, arguments)], **options)

    return run
