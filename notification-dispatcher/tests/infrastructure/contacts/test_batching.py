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
        behind=contacts, limits=ContactLimits(max_users=2), monotonic=clock, breaker=breaker
    )


async def contact_of(directory, user_id):
    answer = (await directory.contacts_of([user_id]))[user_id]
    if isinstance(answer, Exception):
        raise answer
    return answer


async def test_a_contact_that_was_changed_is_seen_at_once(shared, contacts):
    await contact_of(shared, "ada")
    contacts.add("ada", {"email": "new@example.com"})

    assert [each.value for each in (await contact_of(shared, "ada")).on("email")] == [
        "new@example.com"
    ]


async def test_a_user_who_was_added_is_known_at_once(shared, contacts):
    with pytest.raises(NoSuchUser):
        await contact_of(shared, "bob")
    contacts.add("bob", {"sms": "+12025550102"})

    assert [each.value for each in (await contact_of(shared, "bob")).on("sms")] == ["+12025550102"]


async def test_a_user_who_was_removed_is_unknown_at_once_and_stays_so_in_an_outage(
    shared, contacts
):
    await contact_of(shared, "ada")
    del contacts.contacts["ada"]
    with pytest.raises(NoSuchUser):
        await contact_of(shared, "ada")
    contacts.is_down = True

    with pytest.raises(ContactsUnavailable):
        await contact_of(shared, "ada")


async def test_an_operator_may_have_contacts_looked_up_less_often(contacts, clock):
    limits = ContactLimits(fresh=timedelta(seconds=60))
    shared = BatchingContactDirectory(behind=contacts, limits=limits, monotonic=clock)
    for _ in range(3):
        await contact_of(shared, "ada")
        clock.now += 30

    assert contacts.lookups == ["ada", "ada"]


async def test_all_who_ask_at_the_same_time_share_one_look_up(shared, contacts):
    found = await asyncio.gather(*(contact_of(shared, "ada") for _ in range(100)))

    assert contacts.lookups == ["ada"]
    assert all(contact is found[0] for contact in found)


async def test_the_first_to_ask_may_give_up_and_the_others_still_get_their_answer(shared):
    first = asyncio.create_task(contact_of(shared, "ada"))
    second = asyncio.create_task(contact_of(shared, "ada"))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).preferred_channel == "email"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_old_contact_serves_while_the_directory_is_down(shared, contacts, clock):
    await contact_of(shared, "ada")
    contacts.is_down = True
    clock.now += 3599

    assert (await contact_of(shared, "ada")).preferred_channel == "email"


async def test_a_contact_that_is_too_old_does_not_serve(shared, contacts, clock):
    await contact_of(shared, "ada")
    contacts.is_down = True
    clock.now += 3600

    with pytest.raises(ContactsUnavailable):
        await contact_of(shared, "ada")


async def test_a_directory_that_keeps_failing_is_not_called_for_a_second(shared, contacts, clock):
    contacts.is_down = True
    for name in ("a", "b", "c", "d", "e"):
        with pytest.raises(ContactsUnavailable):
            await contact_of(shared, name)
    assert contacts.lookups == ["a", "b", "c"]
    contacts.is_down = False
    clock.now += 1

    assert (await contact_of(shared, "ada")).preferred_channel == "email"


async def test_while_it_is_not_called_a_remembered_contact_is_used_at_once(shared, contacts):
    shared.outage_delay = timedelta(hours=1)
    await contact_of(shared, "ada")
    contacts.is_down = True
    for _ in range(5):
        assert (await contact_of(shared, "ada")).preferred_channel == "email"

    assert contacts.lookups == ["ada"] * 4


async def test_one_users_trouble_is_no_other_users(shared, contacts):
    class Partly:
        async def contacts_of(self, user_ids):
            answers = await contacts.contacts_of(user_ids)
            return {**answers, "bob": ContactsUnavailable("garbled")}

    shared.behind = Partly()
    ada, bob = await asyncio.gather(
        *(contact_of(shared, name) for name in ("ada", "bob")), return_exceptions=True
    )

    assert ada.preferred_channel == "email"
    assert isinstance(bob, ContactsUnavailable)


async def test_the_users_not_asked_for_longest_are_forgotten_first(shared, contacts):
    contacts.add("bob", {"sms": "+12025550102"})
    contacts.add("eve", {"sms": "+12025550103"})
    for name in ("ada", "bob", "ada", "eve"):
        await contact_of(shared, name)
    contacts.is_down = True

    assert (await contact_of(shared, "ada")).preferred_channel == "email"
    with pytest.raises(ContactsUnavailable):
        await contact_of(shared, "bob")


async def test_many_users_are_looked_up_in_one_go(shared, contacts):
    contacts.add("bob", {"sms": "+12025550102"})
    asked = []

    class Counting:
        async def contacts_of(self, user_ids):
            asked.append(list(user_ids))
            return await contacts.contacts_of(user_ids)

    shared.behind = Counting()
    answers = await shared.contacts_of(["ada", "bob", "nobody", "ada"])

    assert asked == [["ada", "bob", "nobody"]]
    assert answers["ada"].preferred_channel == "email"
    assert isinstance(answers["nobody"], NoSuchUser)


async def test_one_that_is_unavailable_does_not_hold_the_others_up(shared, contacts):
    shared.outage_delay = timedelta(hours=1)

    class Partly:
        async def contacts_of(self, user_ids):
            answers = await contacts.contacts_of(user_ids)
            return {**answers, "bob": ContactsUnavailable("garbled")}

    shared.behind = Partly()
    answers = await shared.contacts_of(["ada", "bob"])

    assert isinstance(answers["bob"], ContactsUnavailable)
