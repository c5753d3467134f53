"""Brings a database to this release's schema, however many instances start at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, func, inspect, select

from service_kit.sql.engine import POSTGRESQL, Database

REVISIONS: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""Alembic's own table, and no part of a service's schema."""


def _nothing(_: Connection) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of a service.

    `migrations` is where alembic finds its scripts, `package:folder`, and `head` the last of them.
    `advisory_lock` is any number that no other program locks. `plant` stores the first rows.
    """

    migrations: str
    head: str
    advisory_lock: int
    plant: Callable[[Connection], None] = _nothing


async def prepare(database: Database, schema: Schema) -> None:
    """Apply the missing migrations, and store the first rows if there was no schema before.

    One transaction under one lock: of several instances that start at once, one does the work and
    the others find it done; one that dies in the middle leaves nothing behind.
    """
    await database.make_room()
    await database.migrate(partial(_prepare, schema=schema))


def _prepare(connection: Connection, schema: Schema) -> None:
    if connection.dialect.name == POSTGRESQL:
        # SQLite's lock came with BEGIN IMMEDIATE. Both end with the transaction.
        connection.execute(select(func.pg_advisory_xact_lock(schema.advisory_lock)))
    found = _revision(connection)
    if found == schema.head:
        return
    # Measured: alembic is a fifth of what the user-service imports; most starts need none of it.
    from service_kit.sql.upgrade import upgrade  # noqa: PLC0415 - see above

    upgrade(connection, schema.migrations, found)
    if found is None:
        schema.plant(connection)


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema, as alembic notes it; None if there is no schema."""
    if not inspect(connection).has_table(REVISIONS.name):
        return None
    return connection.scalar(select(REVISIONS.c.version_num))
