from dataclasses import dataclass
from datetime import timedelta

import pytest
from notification_contracts.states import Reason
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.memory import InMemoryCheckableProvider, InMemoryProvider
from notification_providers.port import (
    Accepted,
    AddressGone,
    CheckResult,
    Diversion,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.trial import try_provider

LONG, SHORT = timedelta(minutes=1), timedelta(milliseconds=50)
REFUSED = CheckResult(is_ok=False, words="535 5.7.8 bad credentials")


@dataclass(kw_only=True)
class BrokenProvider(InMemoryProvider):
    async def check(self):
        raise KeyError("hush")


async def test_without_an_address_nothing_is_sent():
    provider = InMemoryCheckableProvider()

    trial = await try_provider(provider, "email", None, limit=LONG)

    assert trial.check == CheckResult(is_ok=True, words="welcome")
    assert trial.sent is None
    assert trial.is_ok
    assert provider.sent == []


async def test_a_provider_that_refuses_us_is_sent_nothing_and_says_why():
    provider = InMemoryCheckableProvider(found=REFUSED)

    trial = await try_provider(provider, "email", "ada@example.com", limit=LONG)

    assert trial.check == REFUSED
    assert not trial.is_ok
    assert provider.sent == []


async def test_a_provider_that_can_only_send_is_tried_by_sending():
    provider = InMemoryProvider(answers=[Accepted(message_id="m-1")])

    trial = await try_provider(provider, "sms", "+12025550101", limit=LONG)

    [message] = provider.sent
    assert (message.address, message.channel) == ("+12025550101", "sms")
    assert trial.check is None
    assert trial.sent is not None
    assert (trial.sent.outcome, trial.sent.message_id) == ("accepted", "m-1")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (TransientFailure(reason=Reason.RATE_LIMITED, detail="429 slow down"), "transient"),
        (PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail="554 no"), "permanent"),
        (AddressGone(reason=Reason.ADDRESS_GONE, detail="410 gone"), "gone"),
        (Misconfigured(detail="401 who are you"), "misconfigured"),
        (UncertainFailure(detail="reset after the dot"), "uncertain"),
    ],
)
async def test_every_failure_is_told_in_the_providers_words(answer, outcome):
    trial = await try_provider(InMemoryProvider(answers=[answer]), "email", "a@b.c", limit=LONG)

    assert trial.sent is not None
    assert (trial.sent.outcome, trial.sent.words) == (outcome, answer.detail)
    assert not trial.is_ok


async def test_one_that_gives_no_answer_is_not_waited_for():
    provider = InMemoryCheckableProvider(hangs=True)

    trial = await try_provider(provider, "email", None, limit=SHORT)

    assert trial.check == CheckResult(is_ok=False, words="no answer within 0.05 s")


async def test_a_fault_in_the_providers_code_is_a_finding_without_what_may_be_secret():
    trial = await try_provider(BrokenProvider(), "email", None, limit=LONG)

    assert trial.check == CheckResult(is_ok=False, words="its own code failed: KeyError")


async def test_a_test_message_goes_only_where_delivery_lets_it():
    provider = InMemoryProvider()
    captured = Diverter(delivery=DeliveryPolicy.parse("capture"))
    redirected = Diverter(delivery=DeliveryPolicy.parse("redirect:me@example.com"))

    kept = await try_provider(provider, "email", "a@b.c", limit=LONG, diverter=captured)
    assert provider.sent == []
    sent = await try_provider(provider, "email", "a@b.c", limit=LONG, diverter=redirected)

    assert kept.sent is not None
    assert kept.sent.delivery_mode is Diversion.CAPTURED
    assert sent.sent is not None
    assert sent.sent.delivery_mode is Diversion.REDIRECTED
    assert [message.address for message in provider.sent] == ["me@example.com"]
