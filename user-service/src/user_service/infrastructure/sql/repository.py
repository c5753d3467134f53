import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from service_kit.gathering import Gathered
from service_kit.logs import get_logger
from sqlalchemy import delete, exc, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from user_service.application.ports import (
    AddressState,
    StoredUser,
    SuppressedAddress,
    SuppressionFilter,
    SuppressionPlace,
    UsersUnavailable,
)
from user_service.domain.health import AddressKey, HealthReport
from user_service.domain.user import User, UserId
from user_service.infrastructure.sql.engine import INSERT, Database
from user_service.infrastructure.sql.health import apply_reports, find_suppressions, release
from user_service.infrastructure.sql.schema import prepare
from user_service.infrastructure.sql.statements import MANY, PAGE, users_in
from user_service.infrastructure.sql.tables import address_rows, addresses, user_row, users

log = get_logger(__name__)

LOCK_WAIT: Final = timedelta(seconds=5)

PREPARATION_WAIT: Final = timedelta(seconds=10)

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
            return users_in(await connection.execute(MANY, {"user_ids": list(user_ids)}))

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        async with self._reading() as connection:
            rows = await connection.execute(PAGE, {"after": after or "", "limit": limit})
            return list(users_in(rows).values())

    async def put(self, user: User, *, at: datetime) -> StoredUser:
        async with self._writing() as connection:
            is_new = await self._insert(connection, user, at)
            while not is_new and not await _lock(connection, user.id):
                # Removed by somebody else between the two statements.
                is_new = await self._insert(connection, user, at)
            if not is_new:
                user = user.keeping(await _find(connection, user.id))
                await _clear(connection, user, at)
            if rows := address_rows(user):
                await connection.execute(addresses.insert(), rows)
            return StoredUser(user=await _find(connection, user.id), is_new=is_new)

    async def remove(self, user_id: UserId) -> bool:
        async with self._writing() as connection:
            removed = await connection.execute(delete(users).where(users.c.user_id == user_id))
            return removed.rowcount > 0

    async def report(
        self, reports: Sequence[HealthReport], *, now: datetime
    ) -> Sequence[AddressState]:
        async with self._writing() as connection:
            return await apply_reports(connection, reports, now=now)

    async def release(self, key: AddressKey, *, at: datetime) -> bool:
        async with self._writing() as connection:
            return await release(connection, key, at=at)

    async def suppressions(
        self,
        wanted: SuppressionFilter,
        *,
        now: datetime,
        after: SuppressionPlace | None,
        limit: int,
    ) -> Sequence[SuppressedAddress]:
        async with self._reading() as connection:
            return await find_suppressions(connection, wanted, now=now, after=after, limit=limit)

    async def _insert(self, connection: AsyncConnection, user: User, at: datetime) -> bool:
        insert = INSERT[self._database.backend](users).values(user_row(user, at=at))
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
        """Wait a while for the schema; all share one attempt, and the next one makes another."""
        attempt = self._preparation
        if attempt is None or (attempt.done() and not _succeeded(attempt)):
            attempt = asyncio.create_task(prepare(self._database, self._seeds))
            self._preparation = attempt
        if attempt.done():
            return
        # A migration may take long, and goes on meanwhile.
        async with _outages_named(), asyncio.timeout(PREPARATION_WAIT.total_seconds()):
            await asyncio.shield(attempt)


def _succeeded(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is None


async def _lock(connection: AsyncConnection, user_id: UserId) -> bool:
    """Keep other writers from the user until the transaction ends; False if there is none.

    Without it, two writers could wait for each other's addresses.
    """
    row = select(users.c.user_id).where(users.c.user_id == user_id).with_for_update()
    return (await connection.execute(row)).first() is not None


async def _find(connection: AsyncConnection, user_id: UserId) -> User:
    return users_in(await connection.execute(MANY, {"user_ids": [user_id]}))[user_id]


async def _clear(connection: AsyncConnection, user: User, at: datetime) -> None:
    """Update the row and drop the old addresses."""
    row = {"preferred_channel": user.preferred_channel, "updated_at": at}
    await connection.execute(update(users).where(users.c.user_id == user.id).values(row))
    await connection.execute(delete(addresses).where(addresses.c.user_id == user.id))


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
