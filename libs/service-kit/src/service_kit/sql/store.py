"""A database that is made ready when it is first needed, and whose outages have a name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection

from service_kit.logs import get_logger
from service_kit.sql.engine import Database
from service_kit.sql.schema import Schema, prepare

log = get_logger(__name__)

LOCK_WAIT: Final = timedelta(seconds=5)
PREPARATION_WAIT: Final = timedelta(seconds=10)

# Errors in this program's statements, not a database that is down or overloaded.
_OUR_FAULTS: Final = (exc.DataError, exc.IntegrityError, exc.ProgrammingError)


class SqlStore:
    """A database with the tables of `schema`; what its adapters read and write through.

    `start` prepares the schema; if the database is down then, the first call after its return does.
    `unavailable` makes the port's error for a database that is down, of the words that say why.
    """

    def __init__(
        self,
        database_url: str,
        *,
        schema: Schema,
        unavailable: Callable[[str], Exception],
        lock_wait: timedelta = LOCK_WAIT,
    ) -> None:
        self.database = Database.at(database_url, lock_wait=lock_wait)
        self.preparation: asyncio.Task[None] | None = None
        self._schema = schema
        self._unavailable = unavailable

    async def start(self) -> None:
        """Prepare the schema, unless the database is down."""
        try:
            await self._prepared()
        except _Outage as error:
            log.warning("database.unavailable_at_start", error=str(error))

    async def stop(self) -> None:
        """Let go of all connections."""
        if self.preparation is not None:
            self.preparation.cancel()
            await asyncio.gather(self.preparation, return_exceptions=True)
        await self.database.close()

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a connection for single statements."""
        return self._named(self.database.reading.connect)

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction, which is committed at the end of the block."""
        return self._named(self.database.writing.begin)

    @asynccontextmanager
    async def _named(
        self, connect: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    ) -> AsyncIterator[AsyncConnection]:
        try:
            await self._prepared()
            async with _outages(), connect() as connection:
                yield connection
        except _Outage as error:
            raise self._unavailable(str(error)) from error.__cause__

    async def _prepared(self) -> None:
        """Wait a while for the schema; all share one attempt, and the next one makes another."""
        attempt = self.preparation
        if attempt is None or (attempt.done() and not _succeeded(attempt)):
            attempt = asyncio.create_task(prepare(self.database, self._schema))
            self.preparation = attempt
        if attempt.done():
            return
        # A migration may take long, and goes on meanwhile.
        async with _outages(), asyncio.timeout(PREPARATION_WAIT.total_seconds()):
            await asyncio.shield(attempt)


class _Outage(Exception):
    """The database is down or overloaded."""


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None


@asynccontextmanager
async def _outages() -> AsyncIterator[None]:
    try:
        yield
    except _OUR_FAULTS:
        raise
    # OSError: what asyncpg meets while it connects; TimeoutError is one, too.
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        raise _Outage(f"{type(cause).__name__}: {cause}".rstrip(": ")) from error
