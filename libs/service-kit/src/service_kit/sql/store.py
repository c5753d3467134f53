"""A database that is made ready when it is first needed, and whose outages have a name."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection, exc

from service_kit.logs import get_logger
from service_kit.sql.engine import AnyRow, AnySelect
from service_kit.sql.opening import open_database
from service_kit.sql.schema import Schema, prepare

log = get_logger(__name__)

T = TypeVar("T")

LOCK_WAIT: Final = timedelta(seconds=5)
PREPARATION_WAIT: Final = timedelta(seconds=10)

# Errors in this program's statements, not a database that is down or overloaded.
_OUR_FAULTS: Final = (exc.DataError, exc.IntegrityError, exc.ProgrammingError)
# OSError: what asyncpg meets while it connects; TimeoutError is one, too.
_OUTAGES: Final = (exc.DBAPIError, exc.TimeoutError, OSError)


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
        self.database = open_database(database_url, lock_wait=lock_wait)
        self.preparation: asyncio.Task[None] | None = None
        self._schema = schema
        self._unavailable = unavailable

    async def start(self) -> None:
        """Prepare the schema, unless the database is down."""
        try:
            await self._prepared()
        except _OUTAGES as error:
            if isinstance(error, _OUR_FAULTS):
                raise
            log.warning("database.unavailable_at_start", error=_words(error))

    async def stop(self) -> None:
        """Let go of all connections."""
        if self.preparation is not None:
            self.preparation.cancel()
            await asyncio.gather(self.preparation, return_exceptions=True)
        await self.database.close()

    async def look_up(self, query: AnySelect, parameters: Mapping[str, str]) -> Sequence[AnyRow]:
        """Return the few rows that a query finds by their key. It is one that is built once."""
        with self._outages_named():
            await self._prepared()
            return await self.database.look_up(query, parameters)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Read, each statement by itself."""
        with self._outages_named():
            await self._prepared()
            return await self.database.read(query)

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Change something in one transaction. What `change` raises takes it back."""
        with self._outages_named():
            await self._prepared()
            return await self.database.write(change)

    @contextmanager
    def _outages_named(self) -> Iterator[None]:
        try:
            yield
        except _OUTAGES as error:
            if isinstance(error, _OUR_FAULTS):
                raise
            raise self._unavailable(_words(error)) from error

    async def _prepared(self) -> None:
        """Wait a while for the schema; all share one attempt, and the next one makes another."""
        attempt = self.preparation
        if attempt is None or (attempt.done() and not _succeeded(attempt)):
            attempt = asyncio.create_task(prepare(self.database, self._schema))
            self.preparation = attempt
        if attempt.done():
            return
        # A migration may take long, and goes on meanwhile.
        async with asyncio.timeout(PREPARATION_WAIT.total_seconds()):
            await asyncio.shield(attempt)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None


def _words(error: Exception) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return f"{type(cause).__name__}: {cause}".rstrip(": ")
