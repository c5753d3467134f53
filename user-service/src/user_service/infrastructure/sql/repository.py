from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from service_kit.gathering import Gathered
from service_kit.sql.engine import INSERT
from service_kit.sql.store import LOCK_WAIT, SqlStore
from sqlalchemy import delete, select, update
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
from user_service.infrastructure.sql.health import apply_reports, find_suppressions, release
from user_service.infrastructure.sql.schema import schema_with
from user_service.infrastructure.sql.statements import MANY, PAGE, users_in
from user_service.infrastructure.sql.tables import address_rows, addresses, user_row, users


class SqlUsers:
    """Keeps users in SQLite or PostgreSQL, as `UserReader` and `UserWriter`.

    `start` prepares the schema; if the database is down then, the first call after its return does.
    """

    def __init__(
        self, database_url: str, *, seeds: Sequence[User] = (), lock_wait: timedelta = LOCK_WAIT
    ) -> None:
        self._store = SqlStore(
            database_url,
            schema=schema_with(seeds),
            unavailable=UsersUnavailable,
            lock_wait=lock_wait,
        )
        self._reads = Gathered(self.get_many)

    async def start(self) -> None:
        await self._store.start()

    async def stop(self) -> None:
        await self._reads.stop()
        await self._store.stop()

    async def get(self, user_id: UserId) -> User | None:
        return await self._reads.get(user_id)

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        async with self._store.reading() as connection:
            return users_in(await connection.execute(MANY, {"user_ids": list(user_ids)}))

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        async with self._store.reading() as connection:
            rows = await connection.execute(PAGE, {"after": after or "", "limit": limit})
            return list(users_in(rows).values())

    async def put(self, user: User, *, at: datetime) -> StoredUser:
        async with self._store.writing() as connection:
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
        async with self._store.writing() as connection:
            removed = await connection.execute(delete(users).where(users.c.user_id == user_id))
            return removed.rowcount > 0

    async def report(
        self, reports: Sequence[HealthReport], *, now: datetime
    ) -> Sequence[AddressState]:
        async with self._store.writing() as connection:
            return await apply_reports(connection, reports, now=now)

    async def release(self, key: AddressKey, *, at: datetime) -> bool:
        async with self._store.writing() as connection:
            return await release(connection, key, at=at)

    async def suppressions(
        self,
        wanted: SuppressionFilter,
        *,
        now: datetime,
        after: SuppressionPlace | None,
        limit: int,
    ) -> Sequence[SuppressedAddress]:
        async with self._store.reading() as connection:
            return await find_suppressions(connection, wanted, now=now, after=after, limit=limit)

    async def _insert(self, connection: AsyncConnection, user: User, at: datetime) -> bool:
        insert = INSERT[self._store.database.backend](users).values(user_row(user, at=at))
        inserted = await connection.execute(insert.on_conflict_do_nothing())
        return inserted.rowcount > 0


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
