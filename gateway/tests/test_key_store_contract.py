"""What every store of keys does, in memory, in SQLite and in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from gateway.application.manage_keys import WantedKey, key_from
from gateway.application.ports import (
    AuditEntry,
    AuditLog,
    KeyNotActive,
    KeyPlace,
    KeyStore,
    LastAdminKey,
    StoreUnavailable,
    UnknownKey,
)
from gateway.domain.keys import MAX_SESSIONS, KeyLimits, KeySession, new_key_text
from gateway.infrastructure.memory import InMemoryAudit, InMemoryKeys
from gateway.infrastructure.sql.audit import SqlAudit
from gateway.infrastructure.sql.keys import SqlKeys
from gateway.infrastructure.sql.schema import SCHEMA
from gateway.infrastructure.sql.tables import api_keys, audit_entries, key_revision, sessions
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from service_kit.sql.store import SqlStore
from sqlalchemy import Connection

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
LATER = NOW + timedelta(days=1)

KINDS = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def a_key(*scopes: Scope, at: datetime = NOW, **said):
    wanted = WantedKey(name="shop", kind=KeyKind.LIVE, scopes=frozenset(scopes or {Scope.SEND}))
    return replace(key_from(new_key_text(KeyKind.LIVE), wanted, now=at), **said)


@pytest.fixture
async def database(request: pytest.FixtureRequest) -> AsyncIterator[SqlStore | None]:
    if request.param == "memory":
        yield None
        return
    fixture = {"sqlite": "sqlite_url", "postgres": "emptied_postgres_url"}[request.param]
    url = request.getfixturevalue(fixture)
    store = SqlStore(url, schema=SCHEMA, unavailable=StoreUnavailable)
    await store.start()
    yield store
    await store.write(empty)
    await store.stop()


def empty(connection: Connection) -> None:
    for table in (api_keys, sessions, audit_entries):
        connection.execute(table.delete())
    connection.execute(key_revision.update().values(revision=0))


@pytest.fixture
def keys(database: SqlStore | None) -> KeyStore:
    return SqlKeys(database) if database else InMemoryKeys()


@pytest.fixture
def audit(database: SqlStore | None) -> AuditLog:
    return SqlAudit(database) if database else InMemoryAudit()


every_store = pytest.mark.parametrize("database", KINDS, indirect=True)


@every_store
async def test_a_key_is_found_as_it_was_stored(keys):
    key = a_key(
        Scope.READ,
        Scope.OPERATE,
        name="Ada's, über all",
        kind=KeyKind.TEST,
        channels=frozenset({"email", "sms"}),
        limits=KeyLimits(requests_per_second=5, streams=2),
        expires_at=LATER,
    )

    await keys.add(key)

    assert await keys.get(key.prefix) == key
    assert await keys.get("0000000000") is None


@every_store
async def test_pages_have_the_newest_first_and_every_key_once(keys):
    made = [a_key(at=NOW + timedelta(seconds=n // 2)) for n in range(5)]
    for key in made:
        await keys.add(key)

    seen, place = [], None
    while page := await keys.page(after=place, limit=2):
        seen += page
        place = KeyPlace(page[-1].created_at, page[-1].prefix)

    assert seen == sorted(made, key=lambda key: (key.created_at, key.prefix), reverse=True)


@every_store
async def test_changes_are_what_was_changed_since(keys):
    one, other = a_key(Scope.ADMIN), a_key()
    await keys.add(one)
    first = await keys.changes(0)
    await keys.add(other)
    second = await keys.changes(first.revision)
    await keys.revoke(other.prefix, at=SOON)
    third = await keys.changes(second.revision)
    nothing = await keys.changes(third.revision)

    assert (first.is_all, list(first.keys)) == (True, [one])
    assert (second.is_all, list(second.keys)) == (False, [other])
    assert [key.revoked_at for key in third.keys] == [SOON]
    assert (list(nothing.keys), nothing.revision) == ([], third.revision)


@every_store
async def test_a_store_that_went_back_in_time_gives_all_that_it_has(keys):
    key = a_key()
    await keys.add(key)

    changes = await keys.changes(99)

    assert (changes.is_all, list(changes.keys)) == (True, [key])


@every_store
async def test_a_replaced_key_counts_until_its_grace_ends_and_is_not_replaced_again(keys):
    key, fresh = a_key(), a_key()
    await keys.add(key)

    await keys.replace(key.prefix, fresh, now=NOW, ends=SOON)

    found = await keys.get(key.prefix)
    assert (found.replaced_by, found.ends_at) == (fresh.prefix, SOON)
    assert await keys.get(fresh.prefix) == fresh
    with pytest.raises(KeyNotActive):
        await keys.replace(key.prefix, a_key(), now=NOW, ends=SOON)
    with pytest.raises(UnknownKey):
        await keys.replace("0000000000", a_key(), now=NOW, ends=SOON)


@every_store
@pytest.mark.parametrize("ended", [{"revoked_at": NOW}, {"expires_at": NOW}])
async def test_a_key_that_does_not_count_is_not_replaced(keys, ended):
    key = a_key(**ended)
    await keys.add(key)

    with pytest.raises(KeyNotActive):
        await keys.replace(key.prefix, a_key(), now=NOW, ends=SOON)


@every_store
async def test_a_key_is_revoked_once_and_for_all(keys):
    key = a_key()
    await keys.add(key)

    await keys.revoke(key.prefix, at=NOW)
    await keys.revoke(key.prefix, at=LATER)

    assert (await keys.get(key.prefix)).revoked_at == NOW
    with pytest.raises(UnknownKey):
        await keys.revoke("0000000000", at=NOW)


@every_store
async def test_the_last_key_that_may_make_keys_is_not_revoked(keys):
    admin, expired = a_key(Scope.ADMIN), a_key(Scope.ADMIN, expires_at=NOW)
    for key in (admin, expired, a_key()):
        await keys.add(key)

    with pytest.raises(LastAdminKey):
        await keys.revoke(admin.prefix, at=NOW)
    await keys.revoke(expired.prefix, at=NOW)
    await keys.add(a_key(Scope.ADMIN))
    await keys.revoke(admin.prefix, at=NOW)

    assert not (await keys.get(admin.prefix)).is_active_at(NOW)
    assert await keys.has_admin(NOW)


@every_store
async def test_a_first_key_is_stored_only_if_nobody_may_make_keys(keys):
    await keys.add(a_key())
    assert not await keys.has_admin(NOW)

    assert await keys.add_first(a_key(Scope.ADMIN, expires_at=SOON), now=NOW)
    assert not await keys.add_first(a_key(Scope.ADMIN), now=NOW)
    assert await keys.add_first(a_key(Scope.ADMIN), now=SOON)


@every_store
async def test_uses_are_noted_and_are_no_changes(keys):
    used, other = a_key(), a_key()
    await keys.add(used)
    await keys.add(other)
    before = await keys.changes(0)

    await keys.note_uses({used.prefix: SOON, "0000000000": SOON})

    assert (await keys.get(used.prefix)).last_used_at == SOON
    assert (await keys.get(other.prefix)).last_used_at is None
    assert (await keys.changes(before.revision)).revision == before.revision


@every_store
async def test_a_key_has_so_many_sessions_and_its_oldest_ends(keys):
    def session(number, prefix="0000000001"):
        ends = LATER + timedelta(seconds=number)
        return KeySession(digest=number.to_bytes(32), prefix=prefix, expires_at=ends)

    await keys.open_session(session(999, prefix="0000000002"), at=NOW)
    for number in range(MAX_SESSIONS + 2):
        await keys.open_session(session(number), at=SOON)

    ended = [each for each in (await keys.changes(0)).sessions if each.ended_at is not None]
    assert sorted(each.digest[-1] for each in ended) == [0, 1]
    assert {each.ended_at for each in ended} == {SOON}


@every_store
async def test_sessions_are_opened_and_ended(keys):
    session = KeySession(digest=b"\x01" * 32, prefix="0000000001", expires_at=LATER)

    await keys.open_session(session, at=NOW)
    opened = await keys.changes(0)
    await keys.end_session(session.digest, at=SOON)
    await keys.end_session(b"\x02" * 32, at=SOON)
    ended = await keys.changes(opened.revision)

    assert list(opened.sessions) == [session]
    assert list(ended.sessions) == [replace(session, ended_at=SOON)]


def an_entry(number: int, at: datetime = NOW) -> AuditEntry:
    return AuditEntry(
        at=at,
        actor_name="Ada" if number else None,
        actor_prefix="0000000001" if number else None,
        action="replay_dead_letters",
        target=None,
        count=number,
        status=200,
        request_id=f"r{number}",
    )


@every_store
async def test_the_audit_list_has_the_newest_first_in_pages(audit):
    entries = [an_entry(number) for number in range(5)]
    await audit.add(entries[:3])
    await audit.add(entries[3:])

    first = await audit.page(after=None, limit=3)
    rest = await audit.page(after=first[-1][0], limit=3)

    assert [entry for _, entry in (*first, *rest)] == entries[::-1]


@every_store
async def test_what_is_too_old_is_forgotten(audit):
    await audit.add([an_entry(1), an_entry(2, at=LATER)])

    await audit.forget(LATER)

    assert [entry.count for _, entry in await audit.page(after=None, limit=9)] == [2]
