"""Keys and sessions in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from service_kit.sql.store import SqlStore
from service_kit.sql.times import in_utc
from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.engine import Row

from gateway.application.ports import (
    Changes,
    KeyNotActive,
    KeyPlace,
    LastAdminKey,
    UnknownKey,
)
from gateway.domain.keys import MAX_SESSIONS, ApiKey, KeyLimits, KeySession, has_admin
from gateway.infrastructure.sql.tables import api_keys, key_revision, sessions

_AnyRow = Row[*tuple[Any, ...]]
# A gateway that was cut off from the database for less than this still learns of their end.
_ENDED_SESSIONS_KEPT: Final = timedelta(days=1)
_TIMES: Final = ("expires_at", "last_used_at", "grace_ends_at", "revoked_at")


class SqlKeys:
    """Keeps keys and sessions in a database whose `SqlStore` raises `StoreUnavailable`."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def add(self, key: ApiKey) -> None:
        await self._store.write(
            lambda connection: _insert(connection, key, _next_revision(connection))
        )

    async def has_admin(self, now: datetime) -> bool:
        return has_admin(await self._store.read(_all_keys), now)

    async def add_first(self, key: ApiKey, *, now: datetime) -> bool:
        def change(connection: Connection) -> bool:
            revision = _next_revision(connection)
            if has_admin(_all_keys(connection), now):
                return False
            _insert(connection, key, revision)
            return True

        return await self._store.write(change)

    async def get(self, prefix: str) -> ApiKey | None:
        return await self._store.read(partial(_find, prefix=prefix))

    async def page(self, *, after: KeyPlace | None, limit: int) -> Sequence[ApiKey]:
        columns = (api_keys.c.created_at, api_keys.c.prefix)
        query = select(api_keys).order_by(*(each.desc() for each in columns)).limit(limit)
        if after is not None:
            query = query.where(tuple_(*columns) < tuple_(after.created_at, after.prefix))
        return await self._store.read(
            lambda connection: [_key_in(row) for row in connection.execute(query)]
        )

    async def replace(self, prefix: str, new: ApiKey, *, now: datetime, ends: datetime) -> None:
        def change(connection: Connection) -> None:
            revision = _next_revision(connection)
            earlier = _find(connection, prefix)
            if earlier is None:
                raise UnknownKey
            if earlier.replaced_by is not None or not earlier.is_active_at(now):
                raise KeyNotActive
            changed = {"replaced_by": new.prefix, "grace_ends_at": ends}
            _update(connection, prefix, revision, changed)
            _insert(connection, new, revision)

        await self._store.write(change)

    async def revoke(self, prefix: str, *, at: datetime) -> None:
        def change(connection: Connection) -> None:
            revision = _next_revision(connection)
            keys = _all_keys(connection)
            key = next((each for each in keys if each.prefix == prefix), None)
            if key is None:
                raise UnknownKey
            if key.revoked_at is not None:
                return
            rest = [each for each in keys if each.prefix != prefix]
            if has_admin([key], at) and not has_admin(rest, at):
                raise LastAdminKey
            _update(connection, prefix, revision, {"revoked_at": at})

        await self._store.write(change)

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        note = (
            update(api_keys)
            .where(api_keys.c.prefix == bindparam("used"))
            .values(last_used_at=bindparam("at"))
        )
        used = [{"used": key, "at": at} for key, at in uses.items()]
        await self._store.write(lambda connection: connection.execute(note, used))

    async def open_session(self, session: KeySession, *, at: datetime) -> None:
        long_over = session.expires_at - _ENDED_SESSIONS_KEPT
        is_open = (sessions.c.prefix == session.prefix, sessions.c.ended_at.is_(None))
        oldest = (
            select(sessions.c.digest)
            .where(*is_open)
            .order_by(sessions.c.expires_at.desc())
            .offset(MAX_SESSIONS - 1)
        )

        def change(connection: Connection) -> None:
            revision = _next_revision(connection)
            connection.execute(delete(sessions).where(sessions.c.expires_at < long_over))
            too_many = connection.execute(oldest).scalars().all()
            if too_many:
                connection.execute(
                    update(sessions)
                    .where(sessions.c.digest.in_(too_many))
                    .values(ended_at=at, revision=revision)
                )
            connection.execute(insert(sessions).values(**_session_row(session), revision=revision))

        await self._store.write(change)

    async def end_session(self, digest: bytes, *, at: datetime) -> None:
        def change(connection: Connection) -> None:
            revision = _next_revision(connection)
            connection.execute(
                update(sessions)
                .where(sessions.c.digest == digest)
                .values(ended_at=at, revision=revision)
            )

        await self._store.write(change)

    async def changes(self, after: int) -> Changes:
        def query(connection: Connection) -> Changes:
            # Read first: what changes in between is given now, and once more next time.
            revision = connection.scalar(select(key_revision.c.revision)) or 0
            # A database that was restored from a backup has gone back.
            is_all = after == 0 or revision < after
            since = 0 if is_all else after
            if revision == after and not is_all:
                return Changes([], [], revision, is_all=False)
            keys = connection.execute(select(api_keys).where(api_keys.c.revision > since))
            opened = connection.execute(select(sessions).where(sessions.c.revision > since))
            return Changes(
                keys=[_key_in(row) for row in keys],
                sessions=[_session_in(row) for row in opened],
                revision=revision,
                is_all=is_all,
            )

        return await self._store.read(query)


def _next_revision(connection: Connection) -> int:
    counted = (
        update(key_revision)
        .values(revision=key_revision.c.revision + 1)
        .returning(key_revision.c.revision)
    )
    revision: int = connection.execute(counted).scalar_one()
    return revision


def _insert(connection: Connection, key: ApiKey, revision: int) -> None:
    connection.execute(insert(api_keys).values(**_row_of(key), revision=revision))


def _update(
    connection: Connection, prefix: str, revision: int, values: Mapping[str, object]
) -> None:
    connection.execute(
        update(api_keys).where(api_keys.c.prefix == prefix).values({**values, "revision": revision})
    )


def _find(connection: Connection, prefix: str) -> ApiKey | None:
    row = connection.execute(select(api_keys).where(api_keys.c.prefix == prefix)).first()
    return _key_in(row) if row else None


def _all_keys(connection: Connection) -> list[ApiKey]:
    return [_key_in(row) for row in connection.execute(select(api_keys))]


def _row_of(key: ApiKey) -> dict[str, Any]:
    names = set(api_keys.c.keys()) - {"revision", "scopes", "channels", *KeyLimits.__slots__}
    return {
        **{name: getattr(key, name) for name in names},
        **asdict(key.limits),
        "scopes": " ".join(sorted(key.scopes)),
        "channels": None if key.channels is None else " ".join(sorted(key.channels)),
    }


def _key_in(row: _AnyRow) -> ApiKey:
    found = row._mapping  # noqa: SLF001 - public, in spite of its name
    channels: str | None = found["channels"]
    return ApiKey(
        prefix=found["prefix"],
        digest=found["digest"],
        name=found["name"],
        kind=KeyKind(found["kind"]),
        scopes=frozenset(Scope(each) for each in found["scopes"].split()),
        channels=None if channels is None else frozenset(channels.split()),
        limits=KeyLimits(**{name: found[name] for name in KeyLimits.__slots__}),
        family=found["family"],
        replaced_by=found["replaced_by"],
        created_at=in_utc(found["created_at"]),
        **{name: found[name] and in_utc(found[name]) for name in _TIMES},
    )


def _session_row(session: KeySession) -> dict[str, Any]:
    return {name: getattr(session, name) for name in KeySession.__slots__}


def _session_in(row: _AnyRow) -> KeySession:
    digest, prefix, expires_at, ended_at, _ = row
    return KeySession(
        digest=digest,
        prefix=prefix,
        expires_at=in_utc(expires_at),
        ended_at=ended_at and in_utc(ended_at),
    )
