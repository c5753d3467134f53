from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.domain.sending import NotTried, ProviderCall, SendOutcome, SendResult
from notification_dispatcher.domain.verdicts import Deferred, Failed, Retrying, Sent
from notification_dispatcher.infrastructure.contacts.memory import InMemoryAddressReports
from notification_dispatcher.infrastructure.providers.capturing import CapturingSender
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.port import (
    Accepted,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    Repeating,
    TransientFailure,
    UncertainFailure,
)

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
CALL = ProviderCall(provider="post", duration=timedelta(milliseconds=7))


@dataclass
class ScriptedSender:
    outcome: SendOutcome = field(default_factory=Accepted)
    sent: list[OutgoingMessage] = field(default_factory=list)

    def repeating(self, provider):
        return Repeating.NEITHER

    async def send(self, message, *, on_start):
        await on_start("post")
        self.sent.append(message)
        return SendResult(outcome=self.outcome, call=CALL)


@pytest.fixture
def sender():
    return ScriptedSender()


@pytest.fixture
def reports():
    return InMemoryAddressReports()


@pytest.fixture
def deliver(contacts, sender, reports):
    find_contacts = FindContacts(contacts=contacts, random=lambda: 0.5)
    deliver = DeliverNotification(
        senders={"email": sender, "sms": sender, "push": sender},
        for_tests=CapturingSender(diverter=Diverter(delivery=DeliveryPolicy())),
        retries=RetryPolicy(),
        holds={"push"},
        reports=reports,
        random=lambda: 0.5,
        now=lambda: NOW,
    )

    async def run(event, attempt, *, on_start):
        [contact] = await find_contacts([(event.user_id, attempt.deferrals)])
        return await deliver(event, attempt, contact, on_start=on_start)

    return run


def attempt(number=1, *, limit=100, channel="email"):
    return DeliveryAttempt(trace_id="t-1", channel=channel, number=number, limit=limit)


async def on_start(provider):
    """Begin without a queue."""


async def test_it_is_sent_to_the_address_on_its_channel(deliver, sender, event):
    verdict = await deliver(event, attempt(3, channel="sms"), on_start=on_start)

    assert verdict == Sent(call=CALL)
    assert sender.sent == [
        OutgoingMessage(
            idempotency_key="t-1",
            trace_id="t-1",
            channel="sms",
            attempt=3,
            address="+12025550101",
            message="hello",
            subject=None,
        )
    ]


async def test_html_data_and_expiry_go_with_it(deliver, sender, event):
    more = {"html": "<p>hello</p>", "data": {"order": 7}, "expires_at": NOW}
    await deliver(event.model_copy(update=more), attempt(), on_start=on_start)

    [sent] = sender.sent
    assert (sent.html, sent.data, sent.expires_at) == ("<p>hello</p>", {"order": 7}, NOW)


async def test_the_providers_message_id_is_kept(deliver, sender, event):
    sender.outcome = Accepted(message_id="m-1")

    assert await deliver(event, attempt(), on_start=on_start) == Sent(call=CALL, message_id="m-1")


async def test_nothing_is_sent_when_the_claim_is_over(deliver, sender, event):
    class Over(Exception):
        pass

    async def refuse(provider):
        raise Over

    with pytest.raises(Over):
        await deliver(event, attempt(), on_start=refuse)

    assert sender.sent == []


async def test_a_message_longer_than_the_channel_takes_is_given_up(deliver, sender, event):
    long = event.model_copy(update={"message": "x" * 1601})

    verdict = await deliver(long, attempt(channel="sms"), on_start=on_start)

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.MESSAGE_TOO_LONG
    assert "1600 characters" in verdict.detail
    assert "11 segments of GSM-7" in verdict.detail
    assert sender.sent == []


async def test_a_message_as_long_as_the_channel_takes_is_sent(deliver, sender, event):
    just_right = event.model_copy(update={"message": "x" * 1600})

    assert await deliver(just_right, attempt(channel="sms"), on_start=on_start) == Sent(call=CALL)


async def test_an_address_that_was_removed_meanwhile_is_missed(deliver, contacts, event):
    contacts.add("ada", {"sms": "+12025550101"})

    verdict = await deliver(event, attempt(channel="email"), on_start=on_start)

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.NO_ADDRESS


async def test_a_user_that_was_removed_meanwhile_is_missed(deliver, contacts, event):
    del contacts.contacts["ada"]

    verdict = await deliver(event, attempt(channel="email"), on_start=on_start)

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.UNKNOWN_USER


async def test_without_contacts_no_attempt_is_used_up(deliver, contacts, event):
    contacts.is_down = True

    verdict = await deliver(event, attempt(), on_start=on_start)

    assert isinstance(verdict, Deferred)
    assert verdict.reason is Reason.CONTACTS_UNAVAILABLE


async def test_a_transient_failure_is_tried_again_by_the_schedule(deliver, sender, event):
    sender.outcome = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")

    verdict = await deliver(event, attempt(2), on_start=on_start)

    assert verdict == Retrying(
        delay=timedelta(seconds=30),
        reason=Reason.PROVIDER_UNAVAILABLE,
        detail="busy",
        call=CALL,
    )


async def test_a_retry_after_of_the_provider_is_kept_and_uses_up_no_attempt(deliver, sender, event):
    sender.outcome = TransientFailure(
        reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=7)
    )

    verdict = await deliver(event, attempt(8), on_start=on_start)

    assert isinstance(verdict, Deferred)
    assert timedelta(minutes=7) <= verdict.delay <= timedelta(minutes=8)
    assert verdict.call == CALL


async def test_a_retry_after_of_the_recipient_is_kept_but_it_was_an_attempt(deliver, sender, event):
    sender.outcome = TransientFailure(
        reason=Reason.RATE_LIMITED,
        detail="greylisted",
        retry_after=timedelta(minutes=7),
        fault=FaultSide.RECIPIENT,
    )

    verdict = await deliver(event, attempt(), on_start=on_start)

    assert isinstance(verdict, Retrying)
    assert timedelta(minutes=7) <= verdict.delay <= timedelta(minutes=8)


async def test_who_waits_for_a_provider_comes_back_no_earlier_than_it_can_be_asked(
    deliver, sender, event
):
    sender.outcome = NotTried(
        reason=Reason.RATE_LIMITED, detail="paused", retry_in=timedelta(minutes=7)
    )

    verdict = await deliver(event, attempt(), on_start=on_start)

    assert isinstance(verdict, Deferred)
    assert verdict.delay >= timedelta(minutes=7)


async def test_the_last_error_is_kept_when_attempts_are_exhausted(deliver, sender, event):
    sender.outcome = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")

    verdict = await deliver(event, attempt(8), on_start=on_start)

    assert verdict == Failed(
        reason=Reason.ATTEMPTS_EXHAUSTED, detail="provider_unavailable: busy", call=CALL
    )


async def test_what_the_queue_ends_sooner_than_the_schedule_is_given_up_with_its_reason(
    deliver, sender, event
):
    sender.outcome = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")

    assert isinstance(await deliver(event, attempt(2, limit=3), on_start=on_start), Retrying)
    verdict = await deliver(event, attempt(3, limit=3), on_start=on_start)

    assert verdict == Failed(
        reason=Reason.ATTEMPTS_EXHAUSTED, detail="provider_unavailable: busy", call=CALL
    )


async def test_a_permanent_failure_is_given_up_at_once(deliver, sender, event):
    sender.outcome = PermanentFailure(reason=Reason.INVALID_ADDRESS, detail="no such mailbox")

    verdict = await deliver(event, attempt(), on_start=on_start)

    assert verdict == Failed(reason=Reason.INVALID_ADDRESS, detail="no such mailbox", call=CALL)


async def test_an_uncertain_send_is_repeated(deliver, sender, event):
    sender.outcome = UncertainFailure(detail="no answer")

    verdict = await deliver(event, attempt(channel="email"), on_start=on_start)

    assert isinstance(verdict, Retrying)
    assert verdict.reason is Reason.AMBIGUOUS
    assert verdict.is_uncertain


async def test_an_uncertain_send_is_kept_for_a_person_where_the_channel_holds(
    deliver, sender, event
):
    sender.outcome = UncertainFailure(detail="no answer")

    verdict = await deliver(event, attempt(channel="push"), on_start=on_start)

    assert verdict == Failed(
        reason=Reason.AMBIGUOUS, detail="no answer", call=CALL, is_uncertain=True
    )


async def test_local_pressure_uses_up_no_attempt(deliver, sender, event):
    sender.outcome = NotTried(
        reason=Reason.RATE_LIMITED, detail="full", retry_in=timedelta(seconds=2)
    )

    verdict = await deliver(event, attempt(8), on_start=on_start)

    assert verdict == Deferred(
        delay=timedelta(seconds=2.2), reason=Reason.RATE_LIMITED, detail="full"
    )
