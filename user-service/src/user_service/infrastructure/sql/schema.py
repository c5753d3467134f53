"""Brings a database to this release's schema, however many instances start at once."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from service_kit.logs import get_logger
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import OperationalError

from user_service.domain import User
from user_service.infrastructure.sql.engine import POSTGRESQL, SQLITE, Database
from user_service.infrastructure.sql.tables import address_rows, addresses, user_row, users

log = get_logger(__name__)

# Any number will do that nobody else locks.
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
    async with database.writing.begin() as connection:
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
            # For this lock SQLite does not wait by itself: measured, one of forty simultaneous
            # starts was refused at once.
            is_busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not is_busy or loop.time() >= deadline:
                raise
        await asyncio.sleep(_WAL_PAUSE_SECONDS)


def _prepare(connection: Connection, seeds: Sequence[User]) -> None:
    # It narrates each start at INFO, and gets SQLite's transactions wrong in doing so.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    if connection.dialect.name == POSTGRESQL:
        # SQLite's lock came with BEGIN IMMEDIATE. Both end with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    found = MigrationContext.configure(connection).get_current_revision()
    _migrate(connection, found)
    if found is None:
        _plant(connection, seeds)


def _migrate(connection: Connection, found: str | None) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", f"{__package__}:migrations")
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    if found == head:
        return
    if found is not None and all(found != each.revision for each in scripts.walk_revisions()):
        # Migrations only ever add, so after a roll-back this release runs on a later schema.
        log.warning("users.schema_is_newer", found=found, known=head)
        return
    command.upgrade(config, "head")
    log.info("users.schema_upgraded", found=found, to=head)


def _plant(connection: Connection, seeds: Sequence[User]) -> None:
    now = datetime.now(UTC)
    for user in seeds:
        connection.execute(insert(users).values(user_row(user, at=now)))
        connection.execute(insert(addresses), address_rows(user))
