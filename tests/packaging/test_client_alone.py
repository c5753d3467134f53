"""The client's wheel in an environment that holds it and what it requires, and nothing else."""

import json
import os
import subprocess
import threading
import venv
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow
PROGRAM = """
import asyncio, sys
from asyncnotify import AsyncNotify

async def main(url):
    async with AsyncNotify(url) as notify:
        print((await notify.send("ada", "hi"))["trace_id"])

asyncio.run(main(sys.argv[1]))
"""


def needs(names):
    """What these distributions require, with all that those require."""
    found = {}
    waiting = [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name not in found:
            found[name] = distribution(name)
            required = map(Requirement, found[name].requires or ())
            waiting += [each for each in required if not each.marker or each.marker.evaluate()]
    return found


@pytest.fixture(scope="module")
def installed(install, wheels, requirements, tmp_path_factory):
    """The environment's folder of programs, and the names of what is in it."""
    home = tmp_path_factory.mktemp("client")
    venv.create(home, with_pip=False)
    install(home / "bin/python", wheels["asyncnotify"])
    [site] = home.glob("lib/python*/site-packages")
    wanted = [each for each in requirements(wheels["asyncnotify"]) if not each.marker]
    found = needs(each.name for each in wanted)
    for each in found.values():
        for top in {file.parts[0] for file in each.files} - {"..", "__pycache__"}:
            (site / top).symlink_to(each.locate_file(top))
    return home / "bin", {each.name for each in wanted}, set(found)


@pytest.fixture
def gateway():
    accepted = {"trace_id": "t-1", "status": "queued", "status_url": "/"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(accepted).encode()
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


def run(program: Path, *arguments: str, **environment: str):
    return subprocess.run(
        [str(program), *arguments],
        env={"PATH": os.defpath, "HOME": str(program.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def test_it_brings_httpx_typer_rich_and_what_they_need(installed):
    _, wanted, found = installed

    assert wanted == {"httpx", "rich", "typer"}
    assert found == set(needs(wanted))
    assert not found & {"aiohttp", "fastapi", "prometheus-client", "redis", "service-kit"}


def test_the_client_sends(installed, gateway):
    done = run(installed[0] / "python", "-c", PROGRAM, gateway)

    assert (done.stdout, done.stderr) == ("t-1\n", "")


def test_the_command_sends(installed, gateway):
    done = run(installed[0] / "asyncnotify", "send", "ada", "hi", ASYNCNOTIFY_URL=gateway)

    assert (done.stdout, done.stderr) == ("t-1\n", "")


def test_what_up_needs_is_said_in_one_line(installed):
    done = run(installed[0] / "asyncnotify", "up")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'asyncnotify[local]'" in done.stderr


def test_every_command_is_listed(installed):
    done = run(installed[0] / "asyncnotify", "--help")

    assert done.returncode == 0
    assert all(name in done.stdout for name in ("up", "send", "watch", "dlq", "import-users"))
