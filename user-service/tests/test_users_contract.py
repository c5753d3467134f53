"""What every store of users promises, kept by each of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from user_service.domain.user import Address, User, UserId
from user_service.main import Users

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(days=1)

ADA = User.reached_at(
    UserId("ada"),
    {"email": "ada@b.example", "sms": "+14155552671", "push": "t"},
    added_at=AT,
    preferred_channel="sms",
)


@pytest.fixture
def users(every_store: Users) -> Users:
    return every_store


@pytest.fixture
def put_ids(users: Users) -> Callable[..., Awaitable[None]]:
    async def put(*user_ids: str) -> None:
        for user_id in user_ids:
            await users.put(User(id=UserId(user_id), addresses={}, preferred_channel=None), at=AT)

    return put


async def test_a_user_comes_back_as_stored(users: Users) -> None:
    await users.put(ADA, at=AT)

    assert await users.get(ADA.id) == ADA


async def test_several_addresses_come_back_in_their_order_with_their_labels(users: Users) -> None:
    devices = tuple(
        Address(address=token, label=label, added_at=AT)
        for token, label in (("z", "phone"), ("a", None), ("m" * 4096, "tablet"))
    )
    eve = User(id=UserId("eve"), addresses={"push": devices}, preferred_channel="push")

    stored = await users.put(eve, at=AT)

    assert stored.user == eve
    assert await users.get(eve.id) == eve
    assert await users.page(after=None, limit=1) == [eve]


async def test_an_address_that_stays_keeps_its_age(users: Users) -> None:
    def reached_at(*tokens: str, added_at: datetime) -> User:
        addresses = tuple(Address(address=token, added_at=added_at) for token in tokens)
        return replace(ADA, addresses={"push": addresses}, preferred_channel="push")

    await users.put(reached_at("old", "dropped", added_at=AT), at=AT)

    stored = await users.put(reached_at("new", "old", added_at=LATER), at=LATER)

    ages = {each.address: each.added_at for each in stored.user.addresses["push"]}
    assert ages == {"new": LATER, "old": AT}
    assert await users.get(ADA.id) == stored.user


async def test_many_are_stored_as_one_is(users: Users) -> None:
    def at(user_id: str, *tokens: str, when: datetime) -> User:
        push = tuple(Address(address=token, added_at=when) for token in tokens)
        addresses = {"push": push} if push else {}
        return User(id=UserId(user_id), addresses=addresses, preferred_channel=None)

    await users.put(at("bob", "kept", "dropped", when=AT), at=AT)
    many = [at(name, "kept", when=LATER) for name in ("zoe", "bob", "ada")]

    new = await users.put_many([*many, at("eve", when=LATER)], at=LATER)

    assert set(new) == {"ada", "eve", "zoe"}
    found = {user.id: user for user in await users.page(after=None, limit=9)}
    assert found["zoe"] == many[0]
    assert found["bob"] == at("bob", "kept", when=AT)
    assert found["eve"].addresses == {}
    assert await users.put_many([found["zoe"]], at=LATER) == set()


async def test_writers_of_the_same_many_do_not_wait_for_each_other_for_ever(users: Users) -> None:
    def all_of_them(token: str) -> list[User]:
        push = (Address(address=token, added_at=AT),)
        ids = [UserId(f"user-{number}") for number in range(20)]
        return [User(id=each, addresses={"push": push}, preferred_channel="push") for each in ids]

    both = await asyncio.gather(
        users.put_many(all_of_them("a"), at=AT),
        users.put_many(all_of_them("b")[::-1], at=AT),
    )

    assert sorted(map(len, both)) == [0, 20]
    found = {user.address_on("push", AT) for user in await users.page(after=None, limit=50)}
    assert len(found) == 1


async def test_a_user_without_an_address_comes_back_too(users: Users) -> None:
    nowhere = User(id=UserId("nowhere"), addresses={}, preferred_channel=None)

    await users.put(nowhere, at=AT)

    assert await users.get(nowhere.id) == nowhere


async def test_who_was_never_stored_is_not_found(users: Users) -> None:
    await users.put(ADA, at=AT)

    assert await users.get(UserId("Ada")) is None


async def test_putting_again_replaces_the_whole(users: Users) -> None:
    changed = User.reached_at(ADA.id, {"push": "new"}, added_at=AT, preferred_channel="push")
    await users.put(ADA, at=AT)

    await users.put(changed, at=AT)

    assert await users.get(ADA.id) == changed


async def test_putting_tells_whether_the_user_is_new(users: Users) -> None:
    first = await users.put(ADA, at=AT)
    second = await users.put(ADA, at=AT)
    await users.remove(ADA.id)
    third = await users.put(ADA, at=AT)

    assert (first.is_new, second.is_new, third.is_new) == (True, False, True)


async def test_a_removed_user_is_gone_with_all_addresses(users: Users) -> None:
    bare = User(id=ADA.id, addresses={}, preferred_channel=None)
    await users.put(ADA, at=AT)

    assert await users.remove(ADA.id)

    assert await users.get(ADA.id) is None
    await users.put(bare, at=AT)
    assert await users.get(ADA.id) == bare


async def test_removing_an_unknown_user_says_so(users: Users) -> None:
    assert not await users.remove(ADA.id)


async def test_an_address_on_a_channel_that_is_new_is_kept(users: Users) -> None:
    user = User.reached_at(
        UserId("eve"), {"pigeon": "coop 5"}, added_at=AT, preferred_channel="pigeon"
    )

    await users.put(user, at=AT)

    assert await users.get(user.id) == user


async def test_many_are_found_at_once_and_strangers_left_out(
    users: Users, put_ids: Callable[..., Awaitable[None]]
) -> None:
    await users.put(ADA, at=AT)
    await put_ids("bob", "eve")

    found = await users.get_many([ADA.id, UserId("stranger"), UserId("bob"), ADA.id])

    assert set(found) == {"ada", "bob"}
    assert found[ADA.id] == ADA


async def test_asking_for_none_finds_none(users: Users) -> None:
    assert await users.get_many([]) == {}


async def test_five_hundred_are_found_at_once(users: Users) -> None:
    wanted = [UserId(f"stranger {number}") for number in range(499)]
    await users.put(ADA, at=AT)

    assert await users.get_many([*wanted, ADA.id]) == {ADA.id: ADA}


async def test_pages_are_in_the_order_of_code_points(
    users: Users, put_ids: Callable[..., Awaitable[None]]
) -> None:
    mixed = ["b", "B", "a", "10", "9", "ä", "\U0001f600", "\uffee", "a b", "a-b", "a/b"]
    await put_ids(*mixed)

    page = await users.page(after=None, limit=100)

    assert [user.id for user in page] == sorted(mixed)


async def test_a_page_follows_its_cursor_and_counts_users(users: Users) -> None:
    for name in ("a", "b", "c", "d"):
        await users.put(replace(ADA, id=UserId(name)), at=AT)

    page = await users.page(after=UserId("a"), limit=2)

    assert list(page) == [replace(ADA, id=UserId("b")), replace(ADA, id=UserId("c"))]


async def test_a_cursor_may_name_a_user_who_is_gone(
    users: Users, put_ids: Callable[..., Awaitable[None]]
) -> None:
    await put_ids("a", "c")

    page = await users.page(after=UserId("b"), limit=2)

    assert [user.id for user in page] == ["c"]


async def test_any_id_is_kept_to_the_letter(users: Users) -> None:
    user_ids = ["a/b", "..", "%2f", "a'; DROP TABLE users; --", "A", "é", "e\u0301", "é" * 128]
    stored = {UserId(each): replace(ADA, id=UserId(each)) for each in user_ids}

    for user in stored.values():
        await users.put(user, at=AT)

    assert await users.get_many(list(stored)) == stored


async def test_many_writers_of_one_user_leave_one_whole_contact(users: Users) -> None:
    contacts = [
        User.reached_at(
            ADA.id, {"email": text, "push": text}, added_at=AT, preferred_channel="push"
        )
        for text in map(str, range(12))
    ]

    stored = await asyncio.gather(*(users.put(contact, at=AT) for contact in contacts))

    assert sum(each.is_new for each in stored) == 1
    assert await users.get(ADA.id) in contacts


async def test_writers_and_removers_of_one_user_do_not_hinder_each_other(users: Users) -> None:
    writes = [users.put(ADA, at=AT) for _ in range(10)]
    removals = [users.remove(ADA.id) for _ in range(10)]

    await asyncio.gather(*(each for pair in zip(writes, removals, strict=True) for each in pair))

    assert await users.get(ADA.id) in (ADA, None)


async def test_readers_never_see_half_of_a_write(users: Users) -> None:
    contacts = [
        User.reached_at(
            ADA.id, {"email": text, "push": text}, added_at=AT, preferred_channel="push"
        )
        for text in ("old", "new")
    ]
    await users.put(contacts[0], at=AT)

    async def write() -> None:
        for _ in range(10):
            for contact in contacts:
                await users.put(contact, at=AT)

    writing = asyncio.create_task(write())
    seen = []
    while not writing.done():
        seen.append(await users.get(ADA.id))
        await asyncio.sleep(0)

    assert all(contact in contacts for contact in seen)
