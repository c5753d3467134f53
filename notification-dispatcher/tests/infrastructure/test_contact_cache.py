import asyncio
from datetime import timedelta

import pytest
from notification_dispatcher.application.ports import ContactsUnavailable, UnknownUser
from notification_dispatcher.infrastructure.breaker import CircuitBreaker
from notification_dispatcher.infrastructure.contacts import CachedContacts, CacheLimits


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def cache(contacts, clock):
    breaker = CircuitBreaker(failures=3, pause=timedelta(seconds=1), monotonic=clock)
    return CachedContacts(
        directory=contacts, limits=CacheLimits(max_users=2), monotonic=clock, breaker=breaker
    )


async def test_a_contact_is_looked_up_once_a_minute(cache, contacts, clock):
    await cache.contact_of("ada")
    clock.now += 59
    await cache.contact_of("ada")
    clock.now += 1
    await cache.contact_of("ada")

    assert contacts.lookups == ["ada", "ada"]


async def test_all_who_wait_for_the_same_user_share_one_look_up(cache, contacts):
    found = await asyncio.gather(*(cache.contact_of("ada") for _ in range(100)))

    assert contacts.lookups == ["ada"]
    assert all(contact is found[0] for contact in found)


async def test_whoever_asked_first_may_leave_without_the_others_losing_their_answer(cache):
    first = asyncio.create_task(cache.contact_of("ada"))
    second = asyncio.create_task(cache.contact_of("ada"))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).preferred_channel == "email"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_unknown_user_is_looked_up_again_after_two_seconds(cache, contacts, clock):
    for _ in range(2):
        with pytest.raises(UnknownUser):
            await cache.contact_of("bob")
    contacts.add("bob", {"sms": "+12025550102"})
    clock.now += 2

    assert (await cache.contact_of("bob")).address_on("sms") == "+12025550102"
    assert contacts.lookups == ["bob", "bob"]


async def test_an_old_contact_serves_while_the_directory_is_down(cache, contacts, clock):
    await cache.contact_of("ada")
    contacts.is_down = True
    clock.now += 3599

    assert (await cache.contact_of("ada")).preferred_channel == "email"


async def test_a_contact_that_is_too_old_does_not_serve(cache, contacts, clock):
    await cache.contact_of("ada")
    contacts.is_down = True
    clock.now += 3600

    with pytest.raises(ContactsUnavailable):
        await cache.contact_of("ada")


async def test_an_old_unknown_user_is_not_believed_while_the_directory_is_down(
    cache, contacts, clock
):
    with pytest.raises(UnknownUser):
        await cache.contact_of("bob")
    contacts.is_down = True
    clock.now += 3

    with pytest.raises(ContactsUnavailable):
        await cache.contact_of("bob")


async def test_a_directory_that_keeps_failing_is_left_alone_for_a_second(cache, contacts, clock):
    contacts.is_down = True
    for name in ("a", "b", "c", "d", "e"):
        with pytest.raises(ContactsUnavailable):
            await cache.contact_of(name)
    assert contacts.lookups == ["a", "b", "c"]
    contacts.is_down = False
    clock.now += 1

    assert (await cache.contact_of("ada")).preferred_channel == "email"


async def test_the_users_not_asked_for_longest_are_forgotten_first(cache, contacts):
    contacts.add("bob", {"sms": "+12025550102"})
    contacts.add("eve", {"sms": "+12025550103"})
    for name in ("ada", "bob", "ada", "eve", "ada", "bob"):
        await cache.contact_of(name)

    assert contacts.lookups == ["ada", "bob", "eve", "bob"]


async def test_a_failed_look_up_that_nobody_waits_for_warns_of_nothing(cache, contacts):
    contacts.is_down = True
    waiting = asyncio.create_task(cache.contact_of("ada"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await asyncio.sleep(0)
    assert cache._flights == {}
