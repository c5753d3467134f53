from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from service_kit.gathering import Gathered
from service_kit.sql.engine import insert_new
from service_kit.sql.store import LOCK_WAIT, SqlStore
from sqlalchemy import delete
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
from user_service.infrastructure.sql.statements import LOCK, MANY, PAGE, REPLACE, users_in
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
            new = await self._put(connection, [user], at)
            return StoredUser(user=await _find(connection, user.id), is_new=user.id in new)

    async def put_many(self, users: Sequence[User], *, at: datetime) -> Collection[UserId]:
        async with self._store.writing() as connection:
            return await self._put(connection, users, at)

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

    async def _put(
        self, connection: AsyncConnection, given: Sequence[User], at: datetime
    ) -> Collection[UserId]:
        """Store users; return the ids of those that were not there."""
        # All in one order, so that two who store the same users do not wait for each other.
        by_id = {user.id: user for user in sorted(given, key=lambda user: user.id)}
        new = await self._insert(connection, list(by_id.values()), at)
        while removed := by_id.keys() - new - (await _lock(connection, by_id.keys() - new)):
            # By somebody else, between the two statements.
            new |= await self._insert(connection, [by_id[each] for each in sorted(removed)], at)
        if old := by_id.keys() - new:
            earlier = await _find_all(connection, old)
            by_id |= {user_id: by_id[user_id].keeping(earlier[user_id]) for user_id in old}
            await _clear(connection, [by_id[user_id] for user_id in sorted(old)], at)
        if rows := [row for user in by_id.values() for row in address_rows(user)]:
            await connection.execute(addresses.insert(), rows)
        return new

    async def _insert(
        self, connection: AsyncConnection, given: Sequence[User], at: datetime
    ) -> set[UserId]:
        insert = insert_new(self._store.database.backend, users)
        rows = [user_row(user, at=at) for user in given]
        inserted = await connection.execute(insert.returning(users.c.user_id), rows)
        return set(inserted.scalars())


async def _lock(connection: AsyncConnection, user_ids: Collection[UserId]) -> set[UserId]:
    """Keep other writers from users until the transaction ends; return those who are there.

    Without it, two writers could wait for each other's addresses.
    """
    if not user_ids:
        return set()
    found = await connection.execute(LOCK, {"user_ids": list(user_ids)})
    return set(found.scalars())


async def _find(connection: AsyncConnection, user_id: UserId) -> User:
    return (await _find_all(connection, [user_id]))[user_id]


async def _find_all(
    connection: AsyncConnection, user_ids: Collection[UserId]
) -> Mapping[UserId, User]:
    return users_in(await connection.execute(MANY, {"user_ids": list(user_ids)}))


async def _clear(connection: AsyncConnection, given: Sequence[User], at: datetime) -> None:
    """Update the rows and drop the old addresses."""
    rows = [{"id": user.id, "preferred": user.preferred_channel, "at": at} for user in given]
    await connection.execute(REPLACE, rows)
    ids = [user.id for user in given]
    await connection.execute(delete(addresses).where(addresses.c.user_id.in_(ids)))
