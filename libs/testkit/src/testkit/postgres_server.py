"""A real PostgreSQL server for tests; import the fixtures in the package's `conftest.py`.

- `postgres_server`: one for the session, on a free port.
- `postgres_url`: the URL of a new database; `emptied_postgres_url`: one for all tests of a module.
- `pooled_postgres_url`: a new database behind PgBouncer.
- `postgres_down`: stops the server for as long as a block runs.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest
from asyncnotify.local.ports import free_port
from sqlalchemy import make_url


class PostgresServer:
    """A throwaway PostgreSQL cluster, owned by an ordinary user, on a free port of 127.0.0.1."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # PostgreSQL refuses to be root, and nobody else may enter the directories of pytest.
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._log = self._directory / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._databases = count()

    def create(self) -> None:
        if self._user:
            shutil.chown(self._directory, self._user)
        self._run(
            "initdb",
            "-D",
            str(self._directory),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        )

    def start(self) -> None:
        options = [*self._address, "-k", "", "-c", "fsync=off", "-c", "max_connections=60"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._directory, *options],
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._directory,
            )
        deadline = time.monotonic() + 60
        while not self._is_up():
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"PostgreSQL does not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(2)  # "fast": ends the sessions, not waits for them
            self._process.wait(timeout=60)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def new_database(self) -> str:
        name = f"test{next(self._databases)}"
        self._run("createdb", *self._address, "-U", "postgres", name)
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{name}"

    @contextmanager
    def pooled(self, program: str) -> Iterator[str]:
        """Run PgBouncer with two sessions for all before a new database; yield its URL there."""
        database, port = make_url(self.new_database()).database, free_port()
        folder = self._directory / f"pgbouncer-{port}"
        folder.mkdir()
        (folder / "users.txt").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users.txt\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )
        if self._user:
            folder.chmod(0o755)
        command = [program, "-q", str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(
            command,
            user=self._user,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not self._is_up(port):
                assert process.poll() is None, "PgBouncer does not start"
                time.sleep(0.02)
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/{database}"
        finally:
            process.terminate()
            process.wait(timeout=60)

    def _is_up(self, port: int | None = None) -> bool:
        program = [
            str(self._programs / "pg_isready"),
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            f"{port or self.port}",
        ]
        return subprocess.run(program, check=False).returncode == 0

    @property
    def _address(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def _run(self, program: str, *options: str) -> None:
        subprocess.run(
            [self._programs / program, *options],
            user=self._user,
            check=True,
            capture_output=True,
            cwd=self._directory,
        )


def _unprivileged_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _postgres_programs() -> Path | None:
    installed = [*Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    newest = max(installed, key=lambda path: int(path.parts[4]), default=None)
    found = newest or shutil.which("postgres")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = _postgres_programs()
    if programs is None:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent("there is no PostgreSQL server on this machine")
    server = PostgresServer(programs)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture
def postgres_down(
    postgres_server: PostgresServer,
) -> Callable[[], AbstractContextManager[None]]:
    """Stop the server of all tests for as long as a block runs."""

    @contextmanager
    def down() -> Iterator[None]:
        postgres_server.stop()
        try:
            yield
        finally:
            postgres_server.start()

    return down


@pytest.fixture
def pooled_postgres_url(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Yield the URL of a new database behind PgBouncer, which shares sessions by transaction."""
    program = shutil.which("pgbouncer")
    if program is None:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent("there is no PgBouncer on this machine")
    with postgres_server.pooled(program) as url:
        yield url


@pytest.fixture(scope="module")
def emptied_postgres_url(postgres_server: PostgresServer) -> str:
    """Give one database to all tests of a module: making one takes longer than a test."""
    return postgres_server.new_database()
