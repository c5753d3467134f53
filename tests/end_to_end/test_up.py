"""`asyncnotify up` and `make run`, as people and their shells treat them."""

import os
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from asyncnotify.local.ports import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def broker():
    return {}


def command(system):
    up = ("-m", "asyncnotify.main", "up", "--data-dir", str(system.data_dir))
    return [sys.executable, *up]


def is_gone(pid):
    return not Path(f"/proc/{pid}").exists()


def is_ready(system):
    try:
        return httpx.get(f"{system.url}/health/ready", trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_what_dies_is_started_again_although_the_output_has_no_reader(unstarted_system, until):
    system = unstarted_system
    with subprocess.Popen(
        command(system), env=os.environ | system.settings, stdout=subprocess.PIPE, text=True
    ) as running:
        said = ""
        while "ready: http" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        running.stdout.close()
        gateway = int(re.search(r"^gateway is ready \(pid (\d+)\)", said, re.MULTILINE)[1])
        os.kill(gateway, signal.SIGKILL)

        until(lambda: is_gone(gateway))
        until(lambda: is_ready(system), seconds=60)
        running.send_signal(signal.SIGTERM)

    assert running.returncode == 0


def test_ps_names_each_service_and_usr1_makes_them_say_what_they_wait_for(fresh_system, until):
    system = fresh_system()
    before = dict(system.pids)
    # Neither is `ps` at a loss.
    for name, pid in before.items():
        if name != "redis":
            program = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
            assert program == f"{sys.executable} -m {name.replace('-', '_')}"

    system.process.send_signal(signal.SIGUSR1)

    programs = {"up.py", "server.py"}  # the supervisor's own tasks, and those of the services
    until(
        lambda: programs <= {name for name in programs for line in system.output if name in line},
        seconds=60,
    )
    until(lambda: is_ready(system))
    assert system.pids == before
    assert system.stop() == 0


def test_a_closed_terminal_stops_it_gracefully(fresh_system):
    system = fresh_system()

    assert system.stop(signal.SIGHUP) == 0


def test_a_port_that_is_taken_is_said_with_the_setting_that_moves_it(unstarted_system):
    system = unstarted_system
    with socket.create_server(("127.0.0.1", int(system.settings["PUBLISHER_PORT"]))) as taken:
        done = subprocess.run(
            command(system),
            env=os.environ | system.settings,
            capture_output=True,
            text=True,
            check=False,
        )
        port = taken.getsockname()[1]

    assert done.returncode == 1
    hints = [line for line in done.stdout.splitlines() if "chooses another one" in line]
    assert hints == [f"port {port}: Address already in use; PUBLISHER_PORT chooses another one"]


class _SaysThatItIsReady(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_another_system_on_a_port_is_not_taken_for_its_own(unstarted_system):
    system = unstarted_system
    address = ("127.0.0.1", int(system.settings["GATEWAY_PORT"]))
    with ThreadingHTTPServer(address, _SaysThatItIsReady) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            done = subprocess.run(
                command(system),
                env=os.environ | system.settings,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,  # else it would run for ever
            )
        finally:
            other.shutdown()

    assert done.returncode == 1
    assert "ready: " not in done.stdout
    assert "GATEWAY_PORT chooses another one" in done.stdout


def test_ctrl_c_in_a_terminal_ends_make_with_success(unstarted_system, tmp_path):
    system = unstarted_system
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@exec {' '.join(command(system))}\n")
    ours, theirs = os.openpty()
    making = subprocess.Popen(
        ["setsid", "--ctty", "make", "-f", makefile, "run"],
        env=os.environ | system.settings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        said = read_until(ours, rb"ready: http")
        os.write(ours, b"\x03")
        said += read_until(ours, rb"stopped\r\n")

        assert making.wait(150) == 0, said
    finally:
        making.kill()
        os.close(ours)


def read_until(terminal, pattern):
    said = b""
    deadline = time.monotonic() + 150
    while not re.search(pattern, said):
        readable, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert readable, said
        said += os.read(terminal, 4096)
    return said


def test_the_gateway_listens_where_it_is_told_to_and_lets_in_who_has_a_key(fresh_system):
    system = fresh_system(GATEWAY_HOST="::", GATEWAY_AUTH="keys")
    port = system.settings["GATEWAY_PORT"]
    file = system.data_dir / "first-key"

    for host in ("127.0.0.1", "[::1]"):
        with httpx.Client(base_url=f"http://{host}:{port}", trust_env=False, timeout=60) as client:
            assert client.get("/health/live").status_code == 200
            assert client.get("/users").status_code == 401
            shown = {"Authorization": f"Bearer {file.read_text().strip()}"}
            assert client.get("/users", headers=shown).status_code == 200
    assert f"a key with which to make others: cat {file}" in system.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((system.data_dir / "gateway.db").stat().st_mode) == 0o600


def test_a_gateway_that_strangers_could_reach_does_not_start_by_itself(unstarted_system):
    settings = unstarted_system.settings | {"GATEWAY_HOST": "0.0.0.0"}

    done = subprocess.run(  # noqa: PLW1510 - its code is asserted
        command(unstarted_system), env=os.environ | settings, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert "GATEWAY_AUTH=none" in done.stdout + done.stderr


def test_a_second_one_on_the_same_data_is_refused_once(fresh_system):
    system = fresh_system()
    ports = {name: str(free_port()) for name in system.settings if name.endswith("_PORT")}

    second = subprocess.run(  # noqa: PLW1510 - its code is asserted
        command(system), env=os.environ | system.settings | ports, capture_output=True, text=True
    )

    assert second.returncode == 1
    assert second.stdout.count("in use by another process") == 1
    assert "died" not in second.stdout
