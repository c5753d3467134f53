import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.channels import ChannelName
from service_kit.gathering import Gathered
from service_kit.logs import get_logger
from sqlalchemy import Table, delete, exc, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from user_service.application.ports import UsersUnavailable
from user_service.domain import User, UserId
from user_service.infrastructure.sql.engine import POSTGRESQL, SQLITE, Database
from user_service.infrastructure.sql.schema import prepare
from user_service.infrastructure.sql.statements import MANY, PAGE
from user_service.infrastructure.sql.tables import address_rows, addresses, user_row, users

log = get_logger(__name__)

LOCK_WAIT: Final = timedelta(seconds=5)

_INSERT: Final[Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    SQLITE: sqlite.insert,
    POSTGRESQL: postgresql.insert,
}

# Errors in this program's statements, not a database that is down or overloaded.
_OUR_FAULTS: Final = (exc.DataError, exc.IntegrityError, exc.ProgrammingError)


class SqlUsers:
    """Keeps users in SQLite or PostgreSQL, as `UserReader` and `UserWriter`.

    `start` prepares the schema; if the database is down then, the first call after its return does.
    """

    def __init__(
        self, database_url: str, *, seeds: Sequence[User] = (), lock_wait: timedelta = LOCK_WAIT
    ) -> None:
        self._database = Database.at(database_url, lock_wait=lock_wait)
        self._seeds = seeds
        self._reads = Gathered(self.get_many)
        self._preparation: asyncio.Task[None] | None = None

    async def start(self) -> None:
        try:
            await self._prepared()
        except UsersUnavailable as error:
            log.warning("users.unavailable_at_start", error=str(error))

    async def stop(self) -> None:
        await self._reads.stop()
        if self._preparation is not None:
            self._preparation.cancel()
            await asyncio.gather(self._preparation, return_exceptions=True)
        await self._database.close()

    async def get(self, user_id: UserId) -> User | None:
        return await self._reads.get(user_id)

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        async with self._reading() as connection:
            return _users(await connection.execute(MANY, {"user_ids": list(user_ids)}))

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        async with self._reading() as connection:
            rows = await connection.execute(PAGE, {"after": after or "", "limit": limit})
            return list(_users(rows).values())

    async def put(self, user: User, *, at: datetime) -> bool:
        async with self._writing() as connection:
            is_new = await self._insert(connection, user, at)
            while not is_new and not await _replace(connection, user, at):
                # Removed by somebody else between the two statements.
                is_new = await self._insert(connection, user, at)
            if rows := address_rows(user):
                await connection.execute(addresses.insert(), rows)
            return is_new

    async def remove(self, user_id: UserId) -> bool:
        async with self._writing() as connection:
            removed = await connection.execute(delete(users).where(users.c.user_id == user_id))
            return removed.rowcount > 0

    async def _insert(self, connection: AsyncConnection, user: User, at: datetime) -> bool:
        insert = _INSERT[self._database.backend](users).values(user_row(user, at=at))
        inserted = await connection.execute(insert.on_conflict_do_nothing())
        return inserted.rowcount > 0

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        await self._prepared()
        async with _outages_named(), self._database.reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        await self._prepared()
        async with _outages_named(), self._database.writing.begin() as connection:
            yield connection

    async def _prepared(self) -> None:
        """Wait for the schema; all who wait share one attempt, and the next one makes another."""
        attempt = self._preparation
        if attempt is None or (attempt.done() and not _succeeded(attempt)):
            attempt = asyncio.create_task(prepare(self._database, self._seeds))
            self._preparation = attempt
        if attempt.done():
            return
        async with _outages_named():
            await asyncio.shield(attempt)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None


async def _replace(connection: AsyncConnection, user: User, at: datetime) -> bool:
    """Update the row and drop the old addresses; False if the row has gone."""
    row = {"preferred_channel": user.preferred_channel, "updated_at": at}
    updated = await connection.execute(update(users).where(users.c.user_id == user.id).values(row))
    if updated.rowcount == 0:
        return False
    # Only under the lock of the row above: without it, two writers could wait for each other.
    await connection.execute(delete(addresses).where(addresses.c.user_id == user.id))
    return True


def _users(
    rows: Iterable[Row[str, str | None, str | None, str | None]],
) -> dict[UserId, User]:
    preferred: dict[UserId, ChannelName | None] = {}
    found: dict[UserId, dict[ChannelName, str]] = {}
    for user_id, preferred_channel, channel, address in rows:
        preferred[UserId(user_id)] = preferred_channel
        at = found.setdefault(UserId(user_id), {})
        if channel is not None and address is not None:
            at[channel] = address
    return {
        user_id: User(id=user_id, addresses=at, preferred_channel=preferred[user_id])
        for user_id, at in found.items()
    }


@asynccontextmanager
async def _outages_named() -> AsyncIterator[None]:
    """Turn what the database or the network raise into the port's error."""
    try:
        yield
    except _OUR_FAULTS:
        raise
    # OSError: what asyncpg meets while it connects; TimeoutError is one, too.
    except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        message = f"{type(cause).__name__}: {cause}".rstrip(": ")
        raise UsersUnavailable(message) from error
