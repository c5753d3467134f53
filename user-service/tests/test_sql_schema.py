import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from service_kit.sql.opening import open_database
from service_kit.sql.schema import REVISIONS
from sqlalchemy import Connection, inspect, update
from sqlalchemy.exc import IntegrityError
from user_service.domain.user import User, UserId
from user_service.infrastructure.seed import SEED_USERS
from user_service.infrastructure.sql import migrations
from user_service.infrastructure.sql.migrations import HEAD
from user_service.infrastructure.sql.repository import SqlUsers
from user_service.infrastructure.sql.tables import metadata

OnConnection = Callable[[Callable[[Connection], object]], Awaitable[object]]

SEED_IDS = sorted(user.id for user in SEED_USERS)

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "users.db"


@asynccontextmanager
async def started(url: str) -> AsyncIterator[SqlUsers]:
    store = SqlUsers(url, seeds=SEED_USERS)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def ids_in(store: SqlUsers) -> list[str]:
    return [user.id for user in await store.page(after=None, limit=100)]


@pytest.fixture
def on_connection(url: str) -> OnConnection:
    """Call a function with a plain connection to the database of the test."""

    async def run(do: Callable[[Connection], object]) -> object:
        database = open_database(url, lock_wait=timedelta(seconds=60))
        result = await database.write(do)
        await database.close()
        return result

    return run


async def test_a_new_store_knows_the_first_users(url: str) -> None:
    async with started(url) as store:
        assert [await store.get(user.id) for user in SEED_USERS] == list(SEED_USERS)


async def test_a_first_user_who_was_removed_stays_away(url: str) -> None:
    async with started(url) as store:
        await store.remove(UserId("123"))

    async with started(url) as store:
        assert await ids_in(store) == ["testuser", "user_test"]


async def test_what_was_stored_is_there_after_a_restart(url: str) -> None:
    ada = User.reached_at(UserId("ada"), {"push": "t"}, added_at=AT, preferred_channel="push")
    async with started(url) as store:
        await store.put(ada, at=datetime.now(UTC))

    async with started(url) as store:
        assert await store.get(ada.id) == ada


async def test_the_migrations_make_the_tables_that_the_queries_use(
    url: str, on_connection: OnConnection
) -> None:
    async with started(url):
        pass

    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await on_connection(differences) == []


def test_the_last_migration_is_the_head() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert scripts.get_current_head() == HEAD


async def test_instances_that_start_at_once_prepare_the_store_once(url: str) -> None:
    stores = [SqlUsers(url, seeds=SEED_USERS) for _ in range(4)]

    await asyncio.gather(*(store.start() for store in stores))

    assert [await ids_in(store) for store in stores] == [SEED_IDS] * 4
    await asyncio.gather(*(store.stop() for store in stores))


def test_processes_that_start_at_once_prepare_the_store_once(
    sqlite_url: str, sqlite_file: Path
) -> None:
    program = (
        "import asyncio, sys\n"
        "from user_service.infrastructure.seed import SEED_USERS\n"
        "from user_service.infrastructure.sql.repository import SqlUsers\n"
        "async def main():\n"
        "    store = SqlUsers(sys.argv[1], seeds=SEED_USERS)\n"
        "    await store.start()\n"
        "    print(len(await store.page(after=None, limit=9)))\n"
        "    await store.stop()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, sqlite_url]

    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert [output.splitlines()[-1] for output in outputs] == ["3", "3"]
    assert not any("unavailable" in output for output in outputs)


async def test_a_schema_of_a_later_release_is_left_alone_and_used(
    url: str, on_connection: OnConnection
) -> None:
    async with started(url):
        pass

    def pretend_to_be_later(connection: Connection) -> None:
        connection.execute(update(REVISIONS).values(version_num="9999"))

    await on_connection(pretend_to_be_later)

    async with started(url) as store:
        assert await ids_in(store) == SEED_IDS


async def test_a_start_that_died_in_the_middle_leaves_nothing_behind(url: str) -> None:
    impossible = User(id=SEED_USERS[0].id, addresses={}, preferred_channel=None)
    dying = SqlUsers(url, seeds=[*SEED_USERS, impossible])
    with pytest.raises(IntegrityError):
        await dying.start()
    await dying.stop()

    async with started(url) as store:
        assert await ids_in(store) == SEED_IDS


async def test_the_sqlite_file_is_written_ahead_in_a_directory_that_is_made(
    sqlite_url: str, sqlite_file: Path
) -> None:
    async with started(sqlite_url):
        with closing(sqlite3.connect(sqlite_file)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.postgres
async def test_postgresql_orders_ids_by_code_point_whatever_its_locale(postgres_url: str) -> None:
    async with started(postgres_url) as store:
        columns = await store._store.read(lambda found: inspect(found).get_columns("users"))

    collations = {column["name"]: getattr(column["type"], "collation", None) for column in columns}
    assert collations["user_id"] == "C"
