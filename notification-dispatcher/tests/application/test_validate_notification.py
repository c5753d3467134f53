import pytest
from notification_contracts.states import Reason
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.application.validate_notification import validated
from notification_dispatcher.domain.verdicts import Deferred, Failed, Validated


@pytest.fixture
def validate(contacts):
    find_contacts = FindContacts(contacts=contacts, random=lambda: 0.5)

    async def run(event, *, deferrals):
        [contact] = await find_contacts([(event.user_id, deferrals)])
        return validated(event, contact)

    return run


async def test_it_is_forwarded_to_the_preferred_channel(validate, event):
    assert await validate(event, deferrals=0) == Validated(channel="email")


async def test_it_is_forwarded_to_the_channel_asked_for(validate, event):
    asking = event.model_copy(update={"channel": "sms"})

    assert await validate(asking, deferrals=0) == Validated(channel="sms")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": "nobody"}, Reason.UNKNOWN_USER),
        ({"user_id": "bob", "channel": "push"}, Reason.NO_ADDRESS),
        ({"user_id": "nowhere"}, Reason.NO_ADDRESS),
        ({"channel": "fax"}, Reason.UNKNOWN_CHANNEL),
    ],
)
async def test_what_can_never_be_delivered_is_given_up(validate, contacts, event, changes, reason):
    contacts.add("bob", {"email": "bob@example.com"})
    contacts.add("nowhere", {})

    verdict = await validate(event.model_copy(update=changes), deferrals=0)

    assert isinstance(verdict, Failed)
    assert verdict.reason is reason


@pytest.mark.parametrize(("deferrals", "seconds"), [(0, 2), (3, 16), (50, 60)])
async def test_without_contacts_it_waits_longer_each_time(
    validate, contacts, event, deferrals, seconds
):
    contacts.is_down = True

    verdict = await validate(event, deferrals=deferrals)

    assert isinstance(verdict, Deferred)
    assert verdict.reason is Reason.CONTACTS_UNAVAILABLE
    assert verdict.delay.total_seconds() == seconds
