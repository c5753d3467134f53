"""What becomes of a send that may have been taken: the table in `SendToTarget`."""

from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.progress import Progress
from notification_dispatcher.domain.verdicts import Deferred, Failed, Retrying, Sent
from notification_providers.memory import InMemoryAskableProvider, InMemoryProvider
from notification_providers.port import (
    Accepted,
    NotTaken,
    Repeating,
    TransientFailure,
    UncertainFailure,
)

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
UNCERTAIN = UncertainFailure(detail="no answer")
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")
HELD = pytest.mark.parametrize("holds", [(), {"email"}], ids=["resend", "hold"])


@pytest.fixture
def idempotent():
    return InMemoryProvider(name="keyed", repeating=Repeating.IDEMPOTENT)


@pytest.fixture
def askable():
    return InMemoryAskableProvider(name="asked")


@pytest.fixture
def other():
    return InMemoryProvider(name="other")


async def die_in_mid_send(notification):
    notification.dies_after_start = True
    with pytest.raises(RuntimeError, match="the worker died"):
        await notification.next()
    notification.dies_after_start = False


async def doubt(how, notification, provider):
    if how == "worker died":
        await die_in_mid_send(notification)
    else:
        provider.answers.append(UNCERTAIN)
        verdict = await notification.next()
        assert isinstance(verdict, Retrying)
        assert (verdict.reason, verdict.is_uncertain) == (Reason.AMBIGUOUS, True)
    provider.sent.clear()


DOUBTS = pytest.mark.parametrize("how", ["worker died", "uncertain answer"])


@HELD
@DOUBTS
async def test_an_idempotent_provider_gets_the_same_again_under_the_same_key(
    attempts, idempotent, other, how, holds
):
    notification = attempts("email", idempotent, other, holds=holds)
    await doubt(how, notification, idempotent)

    assert isinstance(await notification.next(), Sent)
    assert [message.idempotency_key for message in idempotent.sent] == ["t-1"]
    assert other.sent == []


async def test_it_is_the_provider_in_doubt_that_gets_it_again_and_not_the_first(
    attempts, idempotent, other
):
    other.answers = [BUSY]
    notification = attempts("email", other, idempotent)
    await doubt("uncertain answer", notification, idempotent)
    other.sent.clear()

    assert isinstance(await notification.next(), Sent)
    assert (len(idempotent.sent), len(other.sent)) == (1, 0)


@pytest.mark.parametrize(("holds", "goes_on"), [((), 1), ({"email"}, 0)], ids=["resend", "hold"])
async def test_another_provider_takes_over_only_where_the_operator_has_it_resent(
    attempts, idempotent, other, holds, goes_on
):
    notification = attempts("email", idempotent, other, holds=holds)
    await doubt("uncertain answer", notification, idempotent)
    idempotent.answers = [BUSY]

    verdict = await notification.next()
    assert isinstance(verdict, Sent if goes_on else Retrying)
    assert len(other.sent) == goes_on


@HELD
@DOUBTS
async def test_what_an_askable_provider_took_is_sent_with_its_message_id(
    attempts, askable, other, how, holds
):
    notification = attempts("email", askable, other, holds=holds)
    await doubt(how, notification, askable)
    askable.found = [Accepted(message_id="m-7")]

    verdict = await notification.next()
    assert isinstance(verdict, Sent)
    assert (verdict.message_id, verdict.call.provider) == ("m-7", "asked")
    assert askable.sent == other.sent == []
    [(message, since)] = askable.asked
    assert (message.address, message.idempotency_key) == ("ada@example.com", "t-1")
    assert NOW - timedelta(seconds=2) <= since <= NOW


@HELD
@DOUBTS
async def test_what_it_never_took_is_sent_as_if_new(attempts, askable, how, holds):
    notification = attempts("email", askable, holds=holds)
    await doubt(how, notification, askable)
    askable.found = [NotTaken()]

    assert isinstance(await notification.next(), Sent)
    assert len(askable.sent) == 1


async def test_what_was_cleared_up_is_not_asked_for_again(attempts, askable):
    notification = attempts("email", askable, holds={"email"})
    await doubt("uncertain answer", notification, askable)
    askable.answers = [BUSY]
    await notification.next()

    assert isinstance(await notification.next(), Sent)
    assert len(askable.asked) == 1


@DOUBTS
async def test_what_it_cannot_tell_is_sent_again_at_last_where_the_operator_has_it_resent(
    attempts, askable, how
):
    notification = attempts("email", askable)
    await doubt(how, notification, askable)
    askable.found = [UNCERTAIN] * 10

    verdict = await notification.next()
    assert isinstance(verdict, Retrying)
    assert askable.sent == []
    while isinstance(verdict, Retrying):
        verdict = await notification.next()

    assert isinstance(verdict, Sent)
    assert len(askable.sent) == 1


@DOUBTS
async def test_what_it_cannot_tell_is_asked_for_again_and_then_held(attempts, askable, how):
    notification = attempts("email", askable, holds={"email"})
    await doubt(how, notification, askable)
    askable.found = [UNCERTAIN] * 10

    verdict = await notification.next()
    while isinstance(verdict, Retrying):
        verdict = await notification.next()
    assert isinstance(verdict, Failed)
    assert (verdict.reason, verdict.is_uncertain) == (Reason.ATTEMPTS_EXHAUSTED, True)
    assert askable.sent == []


@HELD
async def test_one_that_gets_no_call_for_now_is_asked_later_and_no_attempt_is_used_up(
    attempts, askable, holds
):
    notification = attempts("email", askable, holds=holds)
    await doubt("uncertain answer", notification, askable)
    [provider] = notification.deliver.senders["email"].providers
    await provider.pause.begin(timedelta(minutes=1))

    verdict = await notification.next()

    assert isinstance(verdict, Deferred)
    assert askable.asked == askable.sent == []
    assert Progress.decode(notification.progress).doubts


async def test_after_an_uncertain_answer_no_other_provider_is_tried(attempts, askable, other):
    askable.answers = [UNCERTAIN]
    await attempts("email", askable, other).next()

    assert other.sent == []


async def test_where_nothing_can_be_known_it_is_as_the_operator_has_it(attempts, other):
    other.answers = [UNCERTAIN, UNCERTAIN]
    assert isinstance(await attempts("email", other).next(), Retrying)
    verdict = await attempts("email", other, holds={"email"}).next()

    assert isinstance(verdict, Failed)
    assert (verdict.reason, verdict.is_uncertain) == (Reason.AMBIGUOUS, True)


@pytest.mark.parametrize(
    ("holds", "kind", "sends"), [((), Sent, 1), ({"email"}, Failed, 0)], ids=["resend", "hold"]
)
async def test_a_provider_that_is_set_no_more_cannot_be_asked(
    attempts, askable, other, holds, kind, sends
):
    notification = attempts("email", askable, holds=holds)
    await doubt("uncertain answer", notification, askable)
    later = attempts("email", other, holds=holds)
    later.progress, later.number = notification.progress, notification.number

    assert isinstance(await later.next(), kind)
    assert len(other.sent) == sends


async def test_a_start_tells_the_queue_what_becomes_of_it_if_its_worker_dies(
    attempts, askable, idempotent, other
):
    idempotent.answers = [BUSY]
    notification = attempts("email", idempotent, other)
    await notification.next()

    first, second = notification.started
    assert (first.provider, first.is_repeatable) == ("keyed", True)
    assert "keyed" in first.progress
    assert (second.provider, second.is_repeatable) == ("other", False)
    assert second.progress == "{}"


async def test_a_provider_of_which_nothing_can_be_known_costs_the_queue_nothing(attempts, other):
    notification = attempts("email", other)
    await notification.next()

    assert [starting.progress for starting in notification.started] == [None]
    assert notification.progress == ""


async def test_a_doubt_outlasts_a_deferral(attempts, askable):
    notification = attempts("email", askable, holds={"email"})
    await doubt("uncertain answer", notification, askable)
    askable.found = [NotTaken()]
    askable.answers = [
        TransientFailure(reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(hours=1))
    ]

    assert isinstance(await notification.next(), Deferred)
    assert notification.progress == "{}"
