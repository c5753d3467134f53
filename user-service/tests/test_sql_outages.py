import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncnotify.local.ports import free_port
from user_service.application.ports import UsersUnavailable
from user_service.domain.user import User, UserId
from user_service.infrastructure.seed import SEED_USERS
from user_service.infrastructure.sql.repository import SqlUsers

AT = datetime(2026, 1, 1, tzinfo=UTC)
ADA = User.reached_at(UserId("ada"), {"push": "t"}, added_at=AT, preferred_channel="push")
OPERATIONS: dict[str, Callable[[SqlUsers], Awaitable[object]]] = {
    "get": lambda store: store.get(ADA.id),
    "get_many": lambda store: store.get_many([ADA.id]),
    "page": lambda store: store.page(after=None, limit=1),
    "put": lambda store: store.put(ADA, at=datetime.now(UTC)),
    "remove": lambda store: store.remove(ADA.id),
}

every_operation = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)


@pytest.fixture
async def unreachable() -> AsyncIterator[SqlUsers]:
    store = SqlUsers(f"postgresql+asyncpg://postgres@127.0.0.1:{free_port()}/users")
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def blocked(tmp_path: Path) -> AsyncIterator[SqlUsers]:
    """A store whose file cannot be made, since a directory has its name."""
    (tmp_path / "users.db").mkdir()
    store = SqlUsers(f"sqlite+aiosqlite:///{tmp_path}/users.db", seeds=SEED_USERS)
    await store.start()
    yield store
    await store.stop()


@every_operation
async def test_a_server_that_is_down_is_named(
    unreachable: SqlUsers, operate: Callable[[SqlUsers], Awaitable[object]]
) -> None:
    with pytest.raises(UsersUnavailable):
        await operate(unreachable)


@every_operation
async def test_a_file_that_cannot_be_opened_is_named(
    blocked: SqlUsers, operate: Callable[[SqlUsers], Awaitable[object]]
) -> None:
    with pytest.raises(UsersUnavailable, match="unable to open database file"):
        await operate(blocked)


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqlUsers(f"sqlite+aiosqlite:///{tmp_path}/file/users.db")

    with pytest.raises(UsersUnavailable):
        await store.get(ADA.id)


async def test_a_store_that_was_down_at_the_start_is_prepared_when_it_is_back(
    blocked: SqlUsers, tmp_path: Path
) -> None:
    (tmp_path / "users.db").rmdir()

    assert await blocked.get(SEED_USERS[0].id) == SEED_USERS[0]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "users.db").write_text("this is a letter to my aunt " * 100)
    store = SqlUsers(f"sqlite+aiosqlite:///{tmp_path}/users.db")

    with pytest.raises(UsersUnavailable, match="not a database"):
        await store.get(ADA.id)

    await store.stop()


async def test_a_write_gives_up_on_a_lock_that_is_held_too_long(
    sqlite_url: str, tmp_path: Path
) -> None:
    store = SqlUsers(sqlite_url, lock_wait=timedelta(milliseconds=50))
    await store.start()

    with closing(sqlite3.connect(tmp_path / "data" / "users.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsersUnavailable, match="locked"):
            await store.put(ADA, at=datetime.now(UTC))
        assert await store.get(ADA.id) is None

    assert (await store.put(ADA, at=datetime.now(UTC))).is_new
    await store.stop()


async def test_a_write_waits_for_a_lock_that_is_given_back(sqlite_url: str, tmp_path: Path) -> None:
    store = SqlUsers(sqlite_url)
    await store.start()

    with closing(sqlite3.connect(tmp_path / "data" / "users.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.put(ADA, at=datetime.now(UTC)))
        await asyncio.sleep(0.1)
        other.rollback()

    assert (await writing).is_new
    await store.stop()


async def test_errors_do_not_hold_addresses(sqlite_url: str, tmp_path: Path) -> None:
    store = SqlUsers(sqlite_url, lock_wait=timedelta(0))
    await store.start()
    secret = User.reached_at(
        ADA.id, {"push": "secret-token"}, added_at=AT, preferred_channel="push"
    )

    with closing(sqlite3.connect(tmp_path / "data" / "users.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsersUnavailable) as outage:
            await store.put(secret, at=datetime.now(UTC))

    assert "secret-token" not in f"{outage.value!r} {outage.value.__cause__}"
    await store.stop()


@pytest.mark.postgres
async def test_a_restart_of_postgresql_is_survived(
    postgres_down: Callable[[], AbstractContextManager[None]], postgres_url: str
) -> None:
    store = SqlUsers(postgres_url, seeds=SEED_USERS)
    await store.start()

    with postgres_down(), pytest.raises(UsersUnavailable):
        await store.get(ADA.id)

    assert await store.get(SEED_USERS[0].id) == SEED_USERS[0]
    await store.stop()


@pytest.mark.postgres
async def test_a_primary_that_takes_no_more_writes_is_left_for_who_is_behind_the_name(
    postgres_url: str,
) -> None:
    store = SqlUsers(postgres_url, seeds=SEED_USERS)
    await store.start()
    read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    await store._store.write(lambda kept: kept.exec_driver_sql(read_only))

    with pytest.raises(UsersUnavailable, match="read-only transaction"):
        await store.put(ADA, at=datetime.now(UTC))

    assert (await store.put(ADA, at=datetime.now(UTC))).is_new
    assert await store.get(ADA.id) == ADA
    await store.stop()
