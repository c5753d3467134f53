"""The key with which all others are made, and its file."""

import asyncio
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from gateway.application.audit import AuditTrail
from gateway.application.first_key import SetUpFirstKey
from gateway.application.known_keys import KnownKeys
from gateway.application.ports import StoreUnavailable
from gateway.domain.keys import digest_of, new_key_text, prefix_in
from gateway.infrastructure.key_file import PrivateKeyFile
from gateway.infrastructure.memory import InMemoryAudit, InMemoryKeys
from gateway.interface.key_upkeep import KeyUpkeep
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from testkit.clock import FrozenClock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "first-key"


@pytest.fixture
def store():
    return InMemoryKeys()


@pytest.fixture
def clock():
    return FrozenClock(datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture
def set_up(store, path, clock):
    return SetUpFirstKey(store=store, file=PrivateKeyFile(path), now=clock)


async def key_in(path, store):
    text = path.read_text().strip()
    key = await store.get(prefix_in(text))
    assert key.digest == digest_of(text)
    return key


async def test_the_first_key_may_make_keys_and_only_its_owner_reads_it(set_up, store, path):
    assert await set_up()

    key = await key_in(path, store)
    assert key.scopes == {Scope.ADMIN}
    assert key.kind is KeyKind.LIVE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["first-key"]


async def test_a_second_start_changes_nothing_even_if_the_file_is_gone(set_up, store, path):
    await set_up()
    path.unlink()

    assert not await set_up()
    assert not path.exists()


async def test_several_that_start_at_once_make_one_key_that_is_in_the_file(store, path, clock):
    starting = [
        SetUpFirstKey(store=store, file=PrivateKeyFile(path), now=clock)() for _ in range(4)
    ]

    assert sorted(await asyncio.gather(*starting)) == [False, False, False, True]
    assert (await key_in(path, store)).is_active_at(clock())


def test_a_process_with_the_same_number_in_another_container_is_not_disturbed(path):
    path.parent.mkdir()
    of_the_other = path.with_name(f"{path.name}.{os.getpid()}")
    of_the_other.write_text("half a key")
    text = new_key_text(KeyKind.LIVE)

    assert PrivateKeyFile(path).renew(text) == text

    assert of_the_other.read_text() == "half a key"


async def test_what_a_start_that_died_left_in_the_file_becomes_the_key(set_up, store, path):
    path.parent.mkdir()
    path.write_text(new_key_text(KeyKind.LIVE))

    assert await set_up()
    assert await key_in(path, store)


@pytest.mark.parametrize("left", ["", "a letter to my aunt\n"])
async def test_what_is_no_key_is_written_over(set_up, store, path, left):
    path.parent.mkdir()
    path.write_text(left)

    assert await set_up()
    assert await key_in(path, store)


async def test_once_no_such_key_counts_any_more_there_is_a_new_one(set_up, store, path, clock):
    await set_up()
    first = await key_in(path, store)
    await store.replace(
        first.prefix, _stand_in(first), now=clock(), ends=clock() + timedelta(hours=1)
    )
    clock.advance(timedelta(hours=1))

    assert await set_up()
    assert (await key_in(path, store)).prefix != first.prefix


async def test_a_store_that_is_down_leaves_no_file(set_up, store, path):
    store.is_down = True

    with pytest.raises(StoreUnavailable):
        await set_up()

    assert not path.exists()


def _stand_in(key):
    text = new_key_text(KeyKind.LIVE)
    return replace(key, prefix=prefix_in(text), digest=digest_of(text), scopes=frozenset())


async def test_where_its_file_cannot_be_written_keys_are_known_all_the_same(store, path, clock):
    path.mkdir(parents=True)
    known = KnownKeys(store)
    set_up = SetUpFirstKey(store=store, file=PrivateKeyFile(path), now=clock)
    upkeep = KeyUpkeep(known, AuditTrail(InMemoryAudit(), clock), first_key=set_up)

    with pytest.raises(IsADirectoryError):
        await upkeep.start()

    known.check()
