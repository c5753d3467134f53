"""Brings a database to this release's schema, however many instances start at once."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, insert, inspect, select
from sqlalchemy.exc import OperationalError

from user_service.domain.user import User
from user_service.infrastructure.sql.engine import POSTGRESQL, SQLITE, Database
from user_service.infrastructure.sql.migrations import HEAD
from user_service.infrastructure.sql.tables import (
    address_rows,
    addresses,
    revisions,
    user_row,
    users,
)

# Any number that no other program locks.
ADVISORY_LOCK: Final = int.from_bytes(b"ANusers")

_WAL_PAUSE_SECONDS: Final = 0.05


async def prepare(database: Database, seeds: Sequence[User]) -> None:
    """Apply the missing migrations, and store the seeds if there was no schema before.

    One transaction under one lock: of several instances that start at once, one does the work and
    the others find it done; one that dies in the middle leaves nothing behind.
    """
    if database.backend == SQLITE:
        await asyncio.to_thread(_make_directory, database)
        await _write_ahead(database)
    async with database.migrating.begin() as connection:
        await connection.run_sync(_prepare, seeds)


def _make_directory(database: Database) -> None:
    Path(database.writing.url.database or "").parent.mkdir(parents=True, exist_ok=True)


async def _write_ahead(database: Database) -> None:
    """Let readers and the writer not wait for each other. The file keeps the mode."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + database.lock_wait.total_seconds()
    while True:
        try:
            async with database.reading.connect() as connection:
                await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
        except OperationalError as error:
            # SQLite does not wait for this lock: measured, one of forty simultaneous
            # starts was refused at once.
            is_busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not is_busy or loop.time() >= deadline:
                raise
        await asyncio.sleep(_WAL_PAUSE_SECONDS)


def _prepare(connection: Connection, seeds: Sequence[User]) -> None:
    if connection.dialect.name == POSTGRESQL:
        # SQLite's lock came with BEGIN IMMEDIATE. Both end with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    found = _revision(connection)
    if found == HEAD:
        return
    # Measured: alembic is a fifth of what this service imports, and most starts need none of it.
    from user_service.infrastructure.sql.upgrade import upgrade  # noqa: PLC0415 - see above

    upgrade(connection, found)
    if found is None:
        _plant(connection, seeds)


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema, as alembic notes it; None if there is no schema."""
    if not inspect(connection).has_table(revisions.name):
        return None
    return connection.scalar(select(revisions.c.version_num))


def _plant(connection: Connection, seeds: Sequence[User]) -> None:
    now = datetime.now(UTC)
    for user in seeds:
        connection.execute(insert(users).values(user_row(user, at=now)))
        connection.execute(insert(addresses), address_rows(user))
