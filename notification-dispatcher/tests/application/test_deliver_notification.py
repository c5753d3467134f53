from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.application.deliver_notification import (
    Assignment,
    DeliverNotification,
)
from notification_dispatcher.application.find_contact import FindContact
from notification_dispatcher.domain.outcomes import (
    Accepted,
    Fault,
    NotTried,
    OutgoingMessage,
    PermanentFailure,
    SendOutcome,
    SendReport,
    TransientFailure,
    Trial,
    UncertainFailure,
)
from notification_dispatcher.domain.retries import RetryPolicy, Tries
from notification_dispatcher.domain.verdicts import Abandoned, Deferred, Delivered, Retried

TRIAL = Trial(provider="post", duration=timedelta(milliseconds=7))


@dataclass
class ScriptedSender:
    outcome: SendOutcome = field(default_factory=Accepted)
    sent: list[OutgoingMessage] = field(default_factory=list)

    async def send(self, message, *, starting):
        await starting("post")
        self.sent.append(message)
        return SendReport(outcome=self.outcome, trial=TRIAL)


@pytest.fixture
def sender():
    return ScriptedSender()


@pytest.fixture
def deliver(contacts, sender):
    return DeliverNotification(
        find_contact=FindContact(contacts=contacts, random=lambda: 0.5),
        senders={"email": sender, "sms": sender, "push": sender},
        retries=RetryPolicy(),
        holds={"push"},
        random=lambda: 0.5,
    )


def assignment(channel="email", *, attempt=1):
    tries = Tries(number=attempt, limit=8)
    return Assignment(trace_id="t-1", channel=channel, tries=tries)


async def starting(provider):
    """Begin without a queue."""


async def test_it_is_sent_to_the_address_on_the_assigned_channel(deliver, sender, event):
    verdict = await deliver(event, assignment("sms", attempt=3), starting=starting)

    assert verdict == Delivered(trial=TRIAL)
    assert sender.sent == [
        OutgoingMessage(
            trace_id="t-1",
            channel="sms",
            attempt=3,
            address="+12025550101",
            message="hello",
            subject=None,
        )
    ]


async def test_nothing_is_sent_when_the_claim_is_over(deliver, sender, event):
    class Over(Exception):
        pass

    async def refuse(provider):
        raise Over

    with pytest.raises(Over):
        await deliver(event, assignment(), starting=refuse)

    assert sender.sent == []


async def test_a_message_longer_than_the_channel_takes_is_abandoned(deliver, sender, event):
    long = event.model_copy(update={"message": "x" * 1601})

    verdict = await deliver(long, assignment("sms"), starting=starting)

    assert isinstance(verdict, Abandoned)
    assert verdict.reason is Reason.MESSAGE_TOO_LONG
    assert sender.sent == []


async def test_a_message_as_long_as_the_channel_takes_is_sent(deliver, sender, event):
    just_right = event.model_copy(update={"message": "x" * 1600})

    assert await deliver(just_right, assignment("sms"), starting=starting) == Delivered(trial=TRIAL)


async def test_an_address_that_was_removed_meanwhile_is_missed(deliver, contacts, event):
    contacts.add("ada", {"sms": "+12025550101"})

    verdict = await deliver(event, assignment("email"), starting=starting)

    assert isinstance(verdict, Abandoned)
    assert verdict.reason is Reason.NO_ADDRESS


async def test_a_user_that_was_removed_meanwhile_is_missed(deliver, contacts, event):
    del contacts.contacts["ada"]

    verdict = await deliver(event, assignment("email"), starting=starting)

    assert isinstance(verdict, Abandoned)
    assert verdict.reason is Reason.UNKNOWN_USER


async def test_without_contacts_no_attempt_is_used_up(deliver, contacts, event):
    contacts.is_down = True

    verdict = await deliver(event, assignment(), starting=starting)

    assert isinstance(verdict, Deferred)
    assert verdict.reason is Reason.CONTACTS_UNAVAILABLE


async def test_a_transient_failure_is_tried_again_by_the_schedule(deliver, sender, event):
    sender.outcome = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")

    verdict = await deliver(event, assignment(attempt=2), starting=starting)

    assert verdict == Retried(
        delay=timedelta(seconds=30),
        reason=Reason.PROVIDER_UNAVAILABLE,
        detail="busy",
        trial=TRIAL,
    )


async def test_a_providers_wish_to_be_left_alone_is_granted_and_uses_up_no_attempt(
    deliver, sender, event
):
    sender.outcome = TransientFailure(
        reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=7)
    )

    verdict = await deliver(event, assignment(attempt=8), starting=starting)

    assert isinstance(verdict, Deferred)
    assert timedelta(minutes=7) <= verdict.delay <= timedelta(minutes=8)
    assert verdict.trial == TRIAL


async def test_a_recipients_wish_is_granted_too_but_it_was_an_attempt(deliver, sender, event):
    sender.outcome = TransientFailure(
        reason=Reason.RATE_LIMITED,
        detail="greylisted",
        retry_after=timedelta(minutes=7),
        fault=Fault.RECIPIENT,
    )

    verdict = await deliver(event, assignment(), starting=starting)

    assert isinstance(verdict, Retried)
    assert timedelta(minutes=7) <= verdict.delay <= timedelta(minutes=8)


async def test_who_waits_for_a_provider_comes_back_no_earlier_than_it_can_be_asked(
    deliver, sender, event
):
    sender.outcome = NotTried(
        reason=Reason.RATE_LIMITED, detail="paused", retry_in=timedelta(minutes=7)
    )

    verdict = await deliver(event, assignment(), starting=starting)

    assert isinstance(verdict, Deferred)
    assert verdict.delay >= timedelta(minutes=7)


async def test_the_last_error_is_kept_when_attempts_are_exhausted(deliver, sender, event):
    sender.outcome = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")

    verdict = await deliver(event, assignment(attempt=8), starting=starting)

    assert verdict == Abandoned(
        reason=Reason.ATTEMPTS_EXHAUSTED, detail="provider_unavailable: busy", trial=TRIAL
    )


async def test_a_permanent_failure_is_abandoned_at_once(deliver, sender, event):
    sender.outcome = PermanentFailure(reason=Reason.INVALID_ADDRESS, detail="no such mailbox")

    verdict = await deliver(event, assignment(), starting=starting)

    assert verdict == Abandoned(
        reason=Reason.INVALID_ADDRESS, detail="no such mailbox", trial=TRIAL
    )


async def test_an_uncertain_send_is_repeated(deliver, sender, event):
    sender.outcome = UncertainFailure(detail="no answer")

    verdict = await deliver(event, assignment("email"), starting=starting)

    assert isinstance(verdict, Retried)
    assert verdict.reason is Reason.AMBIGUOUS
    assert verdict.is_uncertain


async def test_an_uncertain_send_is_kept_for_a_person_where_the_channel_holds(
    deliver, sender, event
):
    sender.outcome = UncertainFailure(detail="no answer")

    verdict = await deliver(event, assignment("push"), starting=starting)

    assert verdict == Abandoned(
        reason=Reason.AMBIGUOUS, detail="no answer", trial=TRIAL, is_uncertain=True
    )


async def test_local_pressure_uses_up_no_attempt(deliver, sender, event):
    sender.outcome = NotTried(
        reason=Reason.RATE_LIMITED, detail="full", retry_in=timedelta(seconds=2)
    )

    verdict = await deliver(event, assignment(attempt=8), starting=starting)

    assert verdict == Deferred(
        delay=timedelta(seconds=2.2), reason=Reason.RATE_LIMITED, detail="full"
    )
