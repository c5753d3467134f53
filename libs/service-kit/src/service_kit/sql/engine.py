"""Connections to SQLite and PostgreSQL, set up as each of them needs it."""

from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Final, Self

from sqlalchemy import Connection, Insert, Table, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_POOL_TIMEOUT: Final = timedelta(seconds=3)
_CONNECT_TIMEOUT: Final = timedelta(seconds=2)
COMMAND_TIMEOUT: Final = timedelta(seconds=3)
# A new key on a table of many million rows takes minutes.
_MIGRATION_TIMEOUT: Final = timedelta(hours=1)

# A pooler such as PgBouncer hands each transaction to another session of the server, where a
# statement that was prepared before is unknown. One without a name lives only as long as its query.
# Measured without a pooler, at 32 callers: 0.045 ms of CPU per user instead of 0.034.
_NO_NAMED_STATEMENTS: Final = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}

_READ_ONLY: Final = "25006"  # read_only_sql_transaction

_BEGIN: Final = "sqlite_begin"


def insert_new(backend: str, table: Table) -> Insert:
    """Return an INSERT that leaves a row alone that is there already: each backend has its own."""
    dialect = import_module(f"sqlalchemy.dialects.{backend}")  # no other backend's is loaded
    insert: Insert = dialect.insert(table).on_conflict_do_nothing()
    return insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One pool, used in two manners: `reading` without transactions, `writing` in one.

    It connects when it is first used. `migrating` is for what may take long; it keeps no
    connection. `lock_wait` is how long a SQLite write waits for that of another process.
    """

    reading: AsyncEngine
    writing: AsyncEngine
    migrating: AsyncEngine
    lock_wait: timedelta

    @classmethod
    def at(cls, database_url: str, *, lock_wait: timedelta) -> Self:
        url = make_url(database_url)
        if url.get_backend_name() == SQLITE:
            reading = _sqlite(url, lock_wait)
            # The lock is taken at the first statement, where SQLite waits for it, and not by the
            # first write of a transaction that has read, where it refuses to.
            writing = migrating = reading.execution_options(**{_BEGIN: "IMMEDIATE"})
        else:
            writing = _postgresql(
                url,
                COMMAND_TIMEOUT,
                pool_size=10,
                max_overflow=0,
                pool_timeout=_POOL_TIMEOUT.total_seconds(),
                pool_pre_ping=True,  # a server that was restarted costs no request
            )
            migrating = _postgresql(url, _MIGRATION_TIMEOUT, poolclass=NullPool)
            # One statement is its own snapshot: no BEGIN and ROLLBACK to wait for.
            reading = writing.execution_options(isolation_level="AUTOCOMMIT")
        return cls(reading=reading, writing=writing, migrating=migrating, lock_wait=lock_wait)

    @property
    def backend(self) -> str:
        """`SQLITE` or `POSTGRESQL`."""
        return self.writing.url.get_backend_name()

    async def close(self) -> None:
        await self.writing.dispose()


def _postgresql(url: URL, timeout: timedelta, **pool: Any) -> AsyncEngine:  # noqa: ANN401
    engine = create_async_engine(
        url,
        hide_parameters=True,  # addresses stay out of errors, and so out of logs
        connect_args={
            "timeout": _CONNECT_TIMEOUT.total_seconds(),
            "command_timeout": timeout.total_seconds(),
            **_NO_NAMED_STATEMENTS,
        },
        **pool,
    )
    event.listen(engine.sync_engine, "handle_error", _leave_who_takes_no_writes)
    return engine


def _leave_who_takes_no_writes(context: ExceptionContext) -> None:
    # A primary that became a replica keeps its connections, and its name may lead to another.
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True


def _sqlite(url: URL, lock_wait: timedelta) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=8,  # threads; more of them only queue for the interpreter's lock
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT.total_seconds(),
        # `timeout` is SQLite's busy_timeout. Without an isolation level the driver begins nothing
        # by itself: its own transactions would leave CREATE TABLE out.
        connect_args={"timeout": lock_wait.total_seconds(), "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _enforce_foreign_keys)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _enforce_foreign_keys(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    if mode := connection.get_execution_options().get(_BEGIN):
        connection.exec_driver_sql(f"BEGIN {mode}")
