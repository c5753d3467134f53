from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from service_kit.gathering import Gathered
from service_kit.sql.engine import SQLITE, insert_new
from service_kit.sql.store import LOCK_WAIT, SqlStore
from sqlalchemy import Connection, delete

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
from user_service.infrastructure.sql.statements import LOCK, MANY, ONE, PAGE, REPLACE, users_in
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
        # A server is asked once for all who ask at the same time; a file takes less than that.
        is_near = self._store.database.backend == SQLITE
        self._find = self.get_many if is_near else self._reads.get_all

    async def start(self) -> None:
        await self._store.start()

    async def stop(self) -> None:
        await self._reads.stop()
        await self._store.stop()

    async def get(self, user_id: UserId) -> User | None:
        return (await self._find([user_id])).get(user_id)

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        if len(user_ids) == 1:
            (user_id,) = user_ids
            return users_in(await self._store.look_up(ONE, {"user_id": user_id}))
        return await self._store.read(partial(_find, user_ids=user_ids))

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        asked = {"after": after or "", "limit": limit}
        return await self._store.read(
            lambda connection: list(users_in(connection.execute(PAGE, asked)).values())
        )

    async def put(self, user: User, *, at: datetime) -> StoredUser:
        def change(connection: Connection) -> StoredUser:
            new = _put(connection, [user], at)
            return StoredUser(user=_find(connection, [user.id])[user.id], is_new=user.id in new)

        return await self._store.write(change)

    async def put_many(self, users: Sequence[User], *, at: datetime) -> Collection[UserId]:
        return await self._store.write(partial(_put, given=users, at=at))

    async def remove(self, user_id: UserId) -> bool:
        remove = delete(users).where(users.c.user_id == user_id)
        return await self._store.write(lambda connection: connection.execute(remove).rowcount > 0)

    async def report(
        self, reports: Sequence[HealthReport], *, now: datetime
    ) -> Sequence[AddressState]:
        return await self._store.write(partial(apply_reports, reports=reports, now=now))

    async def release(self, key: AddressKey, *, at: datetime) -> bool:
        return await self._store.write(partial(release, key=key, at=at))

    async def suppressions(
        self,
        wanted: SuppressionFilter,
        *,
        now: datetime,
        after: SuppressionPlace | None,
        limit: int,
    ) -> Sequence[SuppressedAddress]:
        return await self._store.read(
            partial(find_suppressions, wanted=wanted, now=now, after=after, limit=limit)
        )


def _put(connection: Connection, given: Sequence[User], at: datetime) -> Collection[UserId]:
    """Store users; return the ids of those that were not there."""
    # All in one order, so that two who store the same users do not wait for each other.
    by_id = {user.id: user for user in sorted(given, key=lambda user: user.id)}
    new = _insert(connection, list(by_id.values()), at)
    while removed := by_id.keys() - new - (_lock(connection, by_id.keys() - new)):
        # By somebody else, between the two statements.
        new |= _insert(connection, [by_id[each] for each in sorted(removed)], at)
    if old := by_id.keys() - new:
        earlier = _find(connection, old)
        by_id |= {user_id: by_id[user_id].keeping(earlier[user_id]) for user_id in old}
        _clear(connection, [by_id[user_id] for user_id in sorted(old)], at)
    if rows := [row for user in by_id.values() for row in address_rows(user)]:
        connection.execute(addresses.insert(), rows)
    return new


def _insert(connection: Connection, given: Sequence[User], at: datetime) -> set[UserId]:
    insert = insert_new(connection.dialect.name, users).returning(users.c.user_id)
    return set(connection.execute(insert, [user_row(user, at=at) for user in given]).scalars())


def _lock(connection: Connection, user_ids: Collection[UserId]) -> set[UserId]:
    """Keep other writers from users until the transaction ends; return those who are there.

    Without it, two writers could wait for each other's addresses.
    """
    if not user_ids:
        return set()
    return set(connection.execute(LOCK, {"user_ids": list(user_ids)}).scalars())


def _find(connection: Connection, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
    return users_in(connection.execute(MANY, {"user_ids": list(user_ids)}))


def _clear(connection: Connection, given: Sequence[User], at: datetime) -> None:
    """Update the rows and drop the old addresses."""
    rows = [{"id": user.id, "preferred": user.preferred_channel, "at": at} for user in given]
    connection.execute(REPLACE, rows)
    ids = [user.id for user in given]
    connection.execute(delete(addresses).where(addresses.c.user_id.in_(ids)))
