"""PostgreSQL, through a pool of asyncpg's connections."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from service_kit.sql.engine import POSTGRESQL, AnyRow, AnySelect

T = TypeVar("T")

COMMAND_TIMEOUT: Final = timedelta(seconds=3)
_POOL_TIMEOUT: Final = timedelta(seconds=3)
_CONNECT_TIMEOUT: Final = timedelta(seconds=2)
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


class PostgresqlDatabase:
    """A `Database` in PostgreSQL: a pool of connections, and none kept for migrations."""

    backend = POSTGRESQL

    def __init__(self, url: URL) -> None:
        self._writing = _engine(
            url,
            COMMAND_TIMEOUT,
            pool_size=10,
            max_overflow=0,
            pool_timeout=_POOL_TIMEOUT.total_seconds(),
            pool_pre_ping=True,  # a server that was restarted costs no request
        )
        # One statement is its own snapshot: no BEGIN and ROLLBACK to wait for.
        self._reading = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self._migrating = _engine(url, _MIGRATION_TIMEOUT, poolclass=NullPool)

    async def look_up(self, query: AnySelect, parameters: Mapping[str, str]) -> Sequence[AnyRow]:
        """See `Database`."""
        return await self.read(lambda connection: connection.execute(query, parameters).fetchall())

    async def read(self, query: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with self._reading.connect() as connection:
            return await connection.run_sync(query)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with self._writing.begin() as connection:
            return await connection.run_sync(change)

    async def make_room(self) -> None:
        """Do nothing: a database is made by who runs the server."""

    async def migrate(self, change: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with self._migrating.begin() as connection:
            return await connection.run_sync(change)

    async def close(self) -> None:
        """See `Database`."""
        await self._writing.dispose()


def _engine(url: URL, timeout: timedelta, **pool: Any) -> AsyncEngine:  # noqa: ANN401
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
