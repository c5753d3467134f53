import asyncio
from datetime import timedelta

import pytest
from notification_dispatcher.application.ports import ContactsUnavailable, NoSuchUser
from notification_dispatcher.infrastructure.circuit_breaker import CircuitBreaker
from notification_dispatcher.infrastructure.contacts.batching import (
    BatchingContactDirectory,
    ContactLimits,
)


class Seconds:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def shared(contacts, clock):
    breaker = CircuitBreaker(failures=3, pause=timedelta(seconds=1), monotonic=clock)
    return BatchingContactDirectory(
        lookup=contacts, limits=ContactLimits(max_users=2), monotonic=clock, breaker=breaker
    )


async def test_a_contact_that_was_changed_is_seen_at_once(shared, contacts):
    await shared.contact_of("ada")
    contacts.add("ada", {"email": "new@example.com"})

    assert [each.value for each in (await shared.contact_of("ada")).on("email")] == [
        "new@example.com"
    ]


async def test_a_user_who_was_added_is_known_at_once(shared, contacts):
    with pytest.raises(NoSuchUser):
        await shared.contact_of("bob")
    contacts.add("bob", {"sms": "+12025550102"})

    assert [each.value for each in (await shared.contact_of("bob")).on("sms")] == ["+12025550102"]


async def test_a_user_who_was_removed_is_unknown_at_once_and_stays_so_in_an_outage(
    shared, contacts
):
    await shared.contact_of("ada")
    del contacts.contacts["ada"]
    with pytest.raises(NoSuchUser):
        await shared.contact_of("ada")
    contacts.is_down = True

    with pytest.raises(ContactsUnavailable):
        await shared.contact_of("ada")


async def test_an_operator_may_have_contacts_looked_up_less_often(contacts, clock):
    limits = ContactLimits(fresh=timedelta(seconds=60))
    shared = BatchingContactDirectory(lookup=contacts, limits=limits, monotonic=clock)
    for _ in range(3):
        await shared.contact_of("ada")
        clock.now += 30

    assert contacts.lookups == ["ada", "ada"]


async def test_all_who_ask_at_the_same_time_share_one_look_up(shared, contacts):
    found = await asyncio.gather(*(shared.contact_of("ada") for _ in range(100)))

    assert contacts.lookups == ["ada"]
    assert all(contact is found[0] for contact in found)


async def test_the_first_to_ask_may_give_up_and_the_others_still_get_their_answer(shared):
    first = asyncio.create_task(shared.contact_of("ada"))
    second = asyncio.create_task(shared.contact_of("ada"))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).preferred_channel == "email"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_old_contact_serves_while_the_directory_is_down(shared, contacts, clock):
    await shared.contact_of("ada")
    contacts.is_down = True
    clock.now += 3599

    assert (await shared.contact_of("ada")).preferred_channel == "email"


async def test_a_contact_that_is_too_old_does_not_serve(shared, contacts, clock):
    await shared.contact_of("ada")
    contacts.is_down = True
    clock.now += 3600

    with pytest.raises(ContactsUnavailable):
        await shared.contact_of("ada")


async def test_a_directory_that_keeps_failing_is_not_called_for_a_second(shared, contacts, clock):
    contacts.is_down = True
    for name in ("a", "b", "c", "d", "e"):
        with pytest.raises(ContactsUnavailable):
            await shared.contact_of(name)
    assert contacts.lookups == ["a", "b", "c"]
    contacts.is_down = False
    clock.now += 1

    assert (await shared.contact_of("ada")).preferred_channel == "email"


async def test_while_it_is_not_called_a_remembered_contact_is_used_at_once(shared, contacts):
    shared.outage_delay = timedelta(hours=1)
    await shared.contact_of("ada")
    contacts.is_down = True
    for _ in range(5):
        assert (await shared.contact_of("ada")).preferred_channel == "email"

    assert contacts.lookups == ["ada"] * 4


async def test_one_users_trouble_is_no_other_users(shared, contacts):
    class Partly:
        async def contacts_of(self, user_ids):
            answers = await contacts.contacts_of(user_ids)
            return {**answers, "bob": ContactsUnavailable("garbled")}

    shared.lookup = Partly()
    ada, bob = await asyncio.gather(*map(shared.contact_of, ("ada", "bob")), return_exceptions=True)

    assert ada.preferred_channel == "email"
    assert isinstance(bob, ContactsUnavailable)


async def test_the_users_not_asked_for_longest_are_forgotten_first(shared, contacts):
    contacts.add("bob", {"sms": "+12025550102"})
    contacts.add("eve", {"sms": "+12025550103"})
    for name in ("ada", "bob", "ada", "eve"):
        await shared.contact_of(name)
    contacts.is_down = True

    assert (await shared.contact_of("ada")).preferred_channel == "email"
    with pytest.raises(ContactsUnavailable):
        await shared.contact_of("bob")
