"""What a local AsyncNotify consists of: which processes, with which environment."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from service_kit.secret_files import FILE_SUFFIX

from asyncnotify.local.internal_token import FILE, NAME
from asyncnotify.local.ports import HOST, why_taken
from asyncnotify.local.private_data import FIRST_KEY

_REACHED_BY_LOOPBACK = frozenset({"0.0.0.0", "::", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports on the loopback address; `dispatcher` is the first one's."""

    gateway: int = 8000
    publisher: int = 8001
    user_service: int = 8002
    dispatcher: int = 8003
    redis: int = 6390


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProcess:
    """One service as a process: how to start it, and where it says that it is ready.

    `prefix` begins the names of its own environment variables, as in `GATEWAY_PORT`. `main` is the
    module that puts it together.
    """

    name: str
    prefix: str
    command: Sequence[str]
    main: str
    environment: Mapping[str, str]
    port: int
    host: str = HOST

    @property
    def reached_by(self) -> str:
        """Return the host by which it is asked from this machine."""
        return HOST if self.host in _REACHED_BY_LOOPBACK else self.host

    @property
    def url(self) -> str:
        """Return where it can be asked from this machine."""
        host = self.reached_by
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def why_it_cannot_listen(self) -> str | None:
        """Return why it can't listen there now; None if it can."""
        return why_taken(self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSystem:
    """A whole AsyncNotify on this machine.

    Its services are listed in the order in which they stop: first the gateway, so that nothing new
    comes in, then those who still have work in hand. `ledger_url` is for a broker that keeps no
    records; empty is the services' own default. `has_token` says that the services know each other
    by a secret, which is in `token_file`.
    """

    broker_url: str = field(repr=False)  # these may hold passwords
    data_dir: Path
    ports: Ports = field(default_factory=Ports)
    gateway_host: str = HOST
    ledger_url: str = field(default="", repr=False)
    dispatchers: int = 1
    users_database_url: str | None = field(default=None, repr=False)
    gateway_database_url: str | None = field(default=None, repr=False)
    fake_outbox: str | None = None
    log_format: str = "auto"
    has_token: bool = False

    @property
    def token_file(self) -> Path:
        """Return where the services' secret is."""
        return self.data_dir / FILE

    @property
    def first_key(self) -> Path:
        """Return where the gateway writes the first key."""
        return self.data_dir / FIRST_KEY

    def services(self) -> list[ServiceProcess]:
        """List the services' processes."""
        ports = self.ports
        dispatchers = [
            self._service("notification-dispatcher", "DISPATCHER", ports.dispatcher + number)
            for number in range(self.dispatchers)
        ]
        return [
            self._service("gateway", "GATEWAY", ports.gateway, self.gateway_host),
            self._service("notification-publisher", "PUBLISHER", ports.publisher),
            *dispatchers,
            self._service("user-service", "USER_SERVICE", ports.user_service),
        ]

    def _service(self, name: str, prefix: str, port: int, host: str = HOST) -> ServiceProcess:
        package = name.replace("-", "_")
        host_and_port = {f"{prefix}_HOST": host, f"{prefix}_PORT": str(port)}
        return ServiceProcess(
            name=name,
            prefix=prefix,
            command=(sys.executable, "-m", package),
            main=f"{package}.main",
            environment=self._shared_environment() | host_and_port,
            port=port,
            host=host,
        )

    def _database(self, name: str) -> str:
        return f"sqlite+aiosqlite:///{quote(str(self.data_dir / name))}.db"

    def _shared_environment(self) -> dict[str, str]:
        secrets = {
            "BROKER_URL": self.broker_url,
            "LEDGER_URL": self.ledger_url,
            "USERS_DATABASE_URL": self.users_database_url or self._database("users"),
            "GATEWAY_DATABASE_URL": self.gateway_database_url or self._database("gateway"),
        }
        token = {f"{NAME}{FILE_SUFFIX}": str(self.token_file)} if self.has_token else {}
        return {
            **secrets,
            **token,
            # They are read already; both together would be refused.
            **{f"{name}{FILE_SUFFIX}": "" for name in secrets},
            # It is about containers, and in a .env that compose reads, too.
            "GATEWAY_BIND": "",
            "GATEWAY_FIRST_KEY_PATH": str(self.first_key),
            "PUBLISHER_URL": f"http://{HOST}:{self.ports.publisher}",
            "USER_SERVICE_URL": f"http://{HOST}:{self.ports.user_service}",
            "DISPATCHER_URL": f"http://{HOST}:{self.ports.dispatcher}",
            "FAKE_OUTBOX": self.fake_outbox or str(self.data_dir / "outbox.jsonl"),
            "LOG_FORMAT": self.log_format,
        }


def taken_ports(processes: Iterable[ServiceProcess], *, redis: int | None) -> Iterator[str]:
    """Say which ports are taken, and which setting chooses others; `redis` is an embedded one's."""
    settings = [(f"{each.prefix}_PORT", each.port) for each in processes]
    if redis is not None:
        settings.append(("REDIS_PORT", redis))
    for setting, port in settings:
        if why := why_taken(port):
            yield f"port {port}: {why}; {setting} chooses another one"
