from notification_contracts.states import Reason
from notification_dispatcher.domain.contact import Contact, choose_channel, no_address
from notification_dispatcher.domain.verdicts import Failed

EVERYWHERE = {"email": "a@example.com", "sms": "+12025550101", "push": "token"}


def test_the_channel_asked_for_wins_over_the_preferred_one():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="email")

    assert choose_channel(contact, "sms") == "sms"


def test_without_a_channel_asked_for_the_preferred_channel_is_taken():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="push")

    assert choose_channel(contact, None) == "push"


def test_without_a_preference_the_first_channel_with_an_address_is_taken():
    contact = Contact(addresses={"push": "token", "sms": "+12025550101"})

    assert choose_channel(contact, None) == "sms"


def test_a_preference_without_an_address_is_passed_over():
    contact = Contact(addresses={"push": "token"}, preferred_channel="sms")

    assert choose_channel(contact, None) == "push"


def test_a_preference_that_this_release_does_not_know_is_passed_over():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="carrier-pigeon")

    assert choose_channel(contact, None) == "email"


def test_a_channel_asked_for_is_never_replaced_by_another():
    contact = Contact(addresses={"email": "a@example.com"})

    assert choose_channel(contact, "sms") == no_address("sms")


def test_an_empty_address_is_none():
    contact = Contact(addresses={"email": ""})

    assert choose_channel(contact, None) == no_address(None)


def test_an_unknown_channel_is_distinguished_from_a_missing_address():
    contact = Contact(addresses=EVERYWHERE)

    refused = choose_channel(contact, "fax")

    assert isinstance(refused, Failed)
    assert refused.reason is Reason.UNKNOWN_CHANNEL


def test_addresses_stay_out_of_tracebacks():
    assert "a@example.com" not in repr(Contact(addresses=EVERYWHERE))
