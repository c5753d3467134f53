from notification_contracts.states import Reason
from notification_dispatcher.domain.contact import (
    Contact,
    ContactAddress,
    choose_channel,
    unreachable,
)
from notification_dispatcher.domain.verdicts import Failed

GOOD = (ContactAddress(value="a@example.com"),)
BOUNCED = ContactAddress(value="b@example.com", suppressed="bounce")
EVERYWHERE = {"email": GOOD, "sms": GOOD, "push": GOOD}


def test_the_channel_asked_for_wins_over_the_preferred_one():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="email")

    assert choose_channel(contact, "sms") == "sms"


def test_without_a_channel_asked_for_the_preferred_channel_is_taken():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="push")

    assert choose_channel(contact, None) == "push"


def test_without_a_preference_the_first_channel_with_an_address_is_taken():
    contact = Contact(addresses={"push": GOOD, "sms": GOOD})

    assert choose_channel(contact, None) == "sms"


def test_a_preference_without_an_address_is_passed_over():
    contact = Contact(addresses={"push": GOOD}, preferred_channel="sms")

    assert choose_channel(contact, None) == "push"


def test_a_preference_that_this_release_does_not_know_is_passed_over():
    contact = Contact(addresses=EVERYWHERE, preferred_channel="carrier-pigeon")

    assert choose_channel(contact, None) == "email"


def test_a_channel_asked_for_is_never_replaced_by_another():
    contact = Contact(addresses={"email": GOOD})

    refused = choose_channel(contact, "sms")

    assert refused == unreachable(contact, "sms")
    assert isinstance(refused, Failed)
    assert refused.reason is Reason.NO_ADDRESS


def test_a_channel_whose_addresses_are_all_suppressed_is_passed_over():
    contact = Contact(addresses={"email": (BOUNCED,), "push": GOOD}, preferred_channel="email")

    assert choose_channel(contact, None) == "push"


def test_a_channel_with_one_good_address_is_taken():
    contact = Contact(addresses={"email": (BOUNCED, *GOOD)})

    assert choose_channel(contact, None) == "email"


def test_a_suppressed_address_that_was_asked_for_fails_with_the_reason_why():
    contact = Contact(addresses={"email": (BOUNCED,), "push": GOOD})

    refused = choose_channel(contact, "email")

    assert isinstance(refused, Failed)
    assert (refused.reason, "bounce" in refused.detail) == (Reason.SUPPRESSED, True)


def test_who_has_suppressed_addresses_alone_is_not_reachable():
    opted_out = ContactAddress(value="c@example.com", suppressed="opt_out")
    contact = Contact(addresses={"email": (BOUNCED,), "sms": (opted_out,)})

    refused = choose_channel(contact, None)

    assert isinstance(refused, Failed)
    assert refused.reason is Reason.SUPPRESSED
    assert refused.detail == "nothing is sent to all 2 addresses: bounce, opt_out"


def test_an_unknown_channel_is_distinguished_from_a_missing_address():
    contact = Contact(addresses=EVERYWHERE)

    refused = choose_channel(contact, "fax")

    assert isinstance(refused, Failed)
    assert refused.reason is Reason.UNKNOWN_CHANNEL


def test_addresses_stay_out_of_tracebacks():
    assert "a@example.com" not in repr(Contact(addresses=EVERYWHERE))
