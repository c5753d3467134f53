import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_dispatcher.domain.contact import ContactAddress
from notification_dispatcher.domain.verdicts import Failed, Retrying, Sent
from notification_providers.memory import InMemoryProvider
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

TAKEN = Accepted(message_id="m-1")
GONE = AddressGone(reason=Reason.ADDRESS_GONE, detail="550 5.1.1")
REFUSED = PermanentFailure(
    reason=Reason.PROVIDER_REJECTED, detail="too big", fault=FaultSide.RECIPIENT
)
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")
UNCERTAIN = UncertainFailure(detail="no answer")


@pytest.fixture
def provider():
    return InMemoryProvider(name="post")


@pytest.fixture
def email(contacts, provider, attempts):
    """Three addresses, of which the first is suppressed, and the answers about the others."""

    def begin(two, three=TAKEN):
        bounced = ContactAddress(value="one", suppressed="bounce")
        provider.answers_to = {"two": [two], "three": [three]}
        contacts.add(
            "ada", {"email": (bounced, ContactAddress(value="two"), ContactAddress(value="three"))}
        )
        return attempts("email", provider)

    return begin


@pytest.mark.parametrize("answer", [TAKEN, BUSY, REFUSED, UNCERTAIN])
async def test_on_other_channels_the_first_good_address_gets_it(email, provider, answer):
    await email(answer).next()

    assert [message.address for message in provider.sent] == ["two"]


async def test_the_next_address_gets_it_if_the_first_good_one_is_gone(email, provider):
    verdict = await email(GONE).next()

    assert [message.address for message in provider.sent] == ["two", "three"]
    assert isinstance(verdict, Sent)
    assert {each.target: each.outcome for each in verdict.targets} == {
        "#2": "gone",
        "#3": "accepted",
    }


async def test_an_address_that_was_gone_is_not_asked_in_the_next_attempt(email, provider):
    notification = email(GONE, BUSY)
    assert isinstance(await notification.next(), Retrying)
    provider.sent.clear()
    await notification.next()

    assert [message.address for message in provider.sent] == ["three"]


async def test_the_key_of_an_address_is_the_same_on_every_attempt(email, provider):
    notification = email(BUSY)
    await notification.next()
    await notification.next()

    one, two = [message.idempotency_key for message in provider.sent]
    assert one == two


async def test_it_fails_when_the_last_address_is_gone(email, reports):
    verdict = await email(GONE, GONE).next()

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.ADDRESS_GONE
    assert [report.kind for report, _, _ in reports.told] == [ReportKind.GONE] * 2
