"""A real RabbitMQ node as a subprocess: nothing of the machine's own is touched."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asyncnotify.local.ports import HOST, free_port

START_TIMEOUT_S: Final = 90.0
_HOMES: Final = ("/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")

# A test's node has little to do, and must not take a whole processor to wait for it.
_ERL_ARGS: Final = (
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)


def find_rabbitmq() -> Path | None:
    """Return the folder of RabbitMQ's scripts; None where it is not installed.

    `RABBITMQ_SCRIPTS` names it, for another version than the one that is installed. Debian's
    scripts on PATH insist on an account and folders of their own, so they are not used.
    """
    if named := os.environ.get("RABBITMQ_SCRIPTS"):
        return Path(named)
    for home in _HOMES:
        if (Path(home) / "rabbitmq-server").exists():
            return Path(home).resolve()
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True, slots=True)
class Cluster:
    """What nodes of one cluster have in common."""

    cookie: str = field(default_factory=lambda: secrets.token_hex(16))
    epmd_port: int = field(default_factory=free_port)


class RabbitNode:
    """One node, with its own name, folders and ports, and its cluster's cookie and epmd."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        configuration: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        certificate: tuple[Path, Path] | None = None,
        cluster: Cluster | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        """`configuration` is lines for `rabbitmq.conf`, `environment` is added to the scripts'.

        With a `certificate`, and its key, it speaks TLS as well.
        `preexec` runs in each new process.
        """
        found = find_rabbitmq()
        if found is None:
            raise FileNotFoundError("rabbitmq-server is not installed")
        self._scripts = found
        self._folder = folder
        self._tls_port = free_port()
        self.configuration = [*configuration, *self._tls(certificate)]
        self._variables = environment or {}
        self._preexec = preexec
        self.name = f"an{secrets.token_hex(4)}@localhost"
        self._port = port or free_port()
        self._cluster = cluster or Cluster()
        self._distribution_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, with its account."""
        return f"amqp://guest:guest@{HOST}:{self._port}/"

    @property
    def tls_url(self) -> str:
        """Where it listens for TLS, with its account."""
        return f"amqps://guest:guest@{HOST}:{self._tls_port}/"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id of the Erlang machine while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def wait(self) -> int:
        """Wait until it has ended, for whatever reason; return its exit code."""
        return self._process.wait() if self._process else 0

    def start(self) -> None:
        """Start it, or start it again with what it had; return when it answers."""
        self._prepare()
        epmd = shutil.which("epmd")
        if self._epmd is None and epmd:  # a second one in a cluster ends at once
            arguments = [epmd, "-address", HOST, "-port", str(self._cluster.epmd_port)]
            self._epmd = self._spawn(arguments, "epmd.log")
        self._process = self._spawn([str(self._scripts / "rabbitmq-server")], "node.log")
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop it gracefully; `start` may follow."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it with SIGKILL; `start` may follow."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop it for good."""
        self._end(signal.SIGKILL)
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return what it says."""
        done = subprocess.run(
            [str(self._scripts / "rabbitmqctl"), "-q", "-n", self.name, *arguments],
            env=self._environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        return done.stdout.decode()

    def _tls(self, certificate: tuple[Path, Path] | None) -> list[str]:
        if certificate is None:
            return []
        return [
            f"listeners.ssl.1 = {HOST}:{self._tls_port}",
            f"ssl_options.certfile = {certificate[0]}",
            f"ssl_options.keyfile = {certificate[1]}",
        ]

    def _prepare(self) -> None:
        home = self._folder / "home"
        for name in ("mnesia", "log", "home"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(self._cluster.cookie)
            cookie.chmod(0o400)
        (self._folder / "enabled_plugins").write_text("[].\n")
        lines = (
            f"listeners.tcp.1 = {HOST}:{self._port}",
            "log.console = false",
            "log.file.level = warning",
            "disk_free_limit.absolute = 10MB",
            *self.configuration,
        )
        (self._folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            # So that the script becomes the Erlang machine, and signals reach that.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERL_ARGS,
            "ERL_EPMD_PORT": str(self._cluster.epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
            **self._variables,
        }

    def _spawn(self, arguments: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self._folder / log).open("ab") as output:
            # A session of its own: a Ctrl-C for the tests is not for it.
            return subprocess.Popen(
                arguments,
                env=self._environment(),
                cwd=self._folder,  # where Mnesia leaves what it knew when it died
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=self._preexec,  # noqa: PLW1509 - the caller takes care of that
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            if self._says_hello():
                return
            time.sleep(0.2)
        text = (self._folder / "node.log").read_text(errors="replace")
        self.close()
        raise RuntimeError(f"RabbitMQ did not start:\n{text[-2000:]}")

    def _says_hello(self) -> bool:
        try:
            with socket.create_connection((HOST, self._port), timeout=1) as connection:
                connection.settimeout(2)
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
