"""From the schema of the release before to this one's, and what that release does with it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from notification_contracts.address_reports import ReportKind
from service_kit.sql.engine import Database
from service_kit.sql.opening import open_database
from service_kit.sql.postgresql import COMMAND_TIMEOUT
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from user_service.domain.health import AddressKey, HealthReport
from user_service.domain.user import User, UserId
from user_service.infrastructure.seed import SEED_USERS
from user_service.infrastructure.sql.repository import SqlUsers
from user_service.infrastructure.sql.schema import ADVISORY_LOCK

STORED = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
ADA = User.reached_at(
    UserId("ada"),
    {"email": "ada@b.example", "push": "t"},
    added_at=STORED,
    preferred_channel="push",
)
# What the release before writes and reads.
INSERT_USER = text("INSERT INTO users VALUES ('ada', 'push', :at, :at)")
INSERT_ADDRESS = text(
    "INSERT INTO addresses (user_id, channel, address) VALUES ('ada', :channel, :address)"
)
ADDRESSES: list[dict[str, Any]] = [
    {"channel": "email", "address": "ada@b.example"},
    {"channel": "push", "address": "t"},
]
READ = text(
    "SELECT users.user_id, preferred_channel, channel, address FROM users"
    " LEFT OUTER JOIN addresses ON users.user_id = addresses.user_id"
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "data").mkdir()
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = open_database(url, lock_wait=timedelta(seconds=60))
    yield database
    await database.close()


def make_schema_0001(connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "user_service.infrastructure.sql:migrations")
    command.upgrade(config, "0001")


def store_as_before(connection: Connection, at: datetime) -> None:
    """Store a user as the release before does."""
    connection.execute(INSERT_USER, {"at": at})
    connection.execute(INSERT_ADDRESS, ADDRESSES)


async def test_users_of_the_release_before_keep_their_addresses(
    url: str, database: Database
) -> None:
    await database.write(make_schema_0001)
    await database.write(lambda connection: store_as_before(connection, STORED))
    store = SqlUsers(url, seeds=SEED_USERS)

    await store.start()

    assert await store.page(after=None, limit=9) == [ADA]
    await store.put(ADA, at=LATER)
    assert await store.get(ADA.id) == ADA
    await store.stop()


async def test_the_release_before_works_on_with_the_new_schema(
    url: str, database: Database
) -> None:
    store = SqlUsers(url)
    await store.start()
    await database.write(lambda connection: store_as_before(connection, STORED))
    rows = await database.read(lambda connection: connection.execute(READ).all())

    found = await store.get(ADA.id)

    assert sorted(map(tuple, rows)) == [
        ("ada", "push", "email", "ada@b.example"),
        ("ada", "push", "push", "t"),
    ]
    assert found == ADA
    await store.stop()


async def test_what_the_release_before_wrote_was_added_when_it_was_stored(
    url: str, database: Database
) -> None:
    store = SqlUsers(url)
    await store.start()
    await database.write(lambda connection: store_as_before(connection, LATER))
    token = AddressKey(channel="push", address="t")

    async def is_had_after(at: datetime) -> bool:
        await store.report([HealthReport(key=token, kind=ReportKind.GONE, at=at)], now=LATER)
        user = await store.get(ADA.id)
        return user is not None and "push" in user.addresses

    assert await is_had_after(STORED)
    assert not await is_had_after(datetime(2026, 3, 1, tzinfo=UTC))
    await store.stop()


@pytest.mark.postgres
async def test_a_migration_may_take_longer_than_any_other_command(postgres_url: str) -> None:
    engine, store = create_async_engine(postgres_url), SqlUsers(postgres_url, seeds=SEED_USERS)
    async with engine.begin() as other:
        await other.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        starting = asyncio.create_task(store.start())
        await asyncio.sleep((COMMAND_TIMEOUT + timedelta(seconds=0.5)).total_seconds())
        preparing = store._store.preparation
        assert preparing is not None
        assert not preparing.done()
    await preparing
    await starting

    assert await store.get(SEED_USERS[0].id) == SEED_USERS[0]
    await store.stop()
    await engine.dispose()
