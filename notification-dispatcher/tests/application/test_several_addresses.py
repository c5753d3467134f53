"""What becomes of a notification that goes to several addresses: the table in `Conclude`."""

from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_dispatcher.domain.contact import ContactAddress
from notification_dispatcher.domain.verdicts import Deferred, Failed, Retrying, Sent
from notification_providers.memory import InMemoryProvider
from notification_providers.port import (
    Accepted,
    AddressGone,
    Diversion,
    FaultSide,
    PermanentFailure,
    Repeating,
    TransientFailure,
    UncertainFailure,
)

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
TAKEN = Accepted(message_id="m-1")
GONE = AddressGone(reason=Reason.ADDRESS_GONE, detail="410 Unregistered")
REFUSED = PermanentFailure(
    reason=Reason.PROVIDER_REJECTED, detail="too big", fault=FaultSide.RECIPIENT
)
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")
THROTTLED = TransientFailure(
    reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=1)
)
UNCERTAIN = UncertainFailure(detail="no answer")
DEVICES = (ContactAddress(value="one", label="phone"), ContactAddress(value="two"))


@pytest.fixture
def provider():
    return InMemoryProvider(name="post")


@pytest.fixture
def push(contacts, provider, attempts):
    """Two devices, the answers about them, and whether the operator holds what is uncertain."""

    def begin(one, two, *, holds=(), repeating=Repeating.NEITHER):
        provider.repeating = repeating
        provider.answers_to = {"one": [one], "two": [two]}
        contacts.add("ada", {"push": DEVICES})
        return attempts("push", provider, holds=holds)

    return begin


def told(verdict):
    return {each.target: each.outcome for each in verdict.targets}


async def test_all_devices_get_it_under_keys_of_their_own(push, provider):
    verdict = await push(TAKEN, Accepted(message_id="m-2")).next()

    keys = {message.address: message.idempotency_key for message in provider.sent}
    assert set(keys) == {"one", "two"}
    assert len(set(keys.values())) == 2
    assert all(key.startswith("t-1-") for key in keys.values())
    assert isinstance(verdict, Sent)
    assert [each.message_id for each in verdict.targets] == ["m-1", "m-2"]
    assert told(verdict) == {"phone": "accepted", "#2": "accepted"}


async def test_a_single_device_has_the_trace_id_as_its_key(contacts, provider, attempts):
    contacts.add("ada", {"push": "one"})
    verdict = await attempts("push", provider).next()

    assert [message.idempotency_key for message in provider.sent] == ["t-1"]
    assert verdict.targets == ()


async def test_the_point_of_no_return_is_passed_once_before_any_of_them(push, provider):
    notification = push(TAKEN, TAKEN)
    notification.dies_after_start = True
    with pytest.raises(RuntimeError, match="the worker died"):
        await notification.next()

    assert provider.sent == []
    assert len(notification.started) == 1


@pytest.mark.parametrize("other", [GONE, REFUSED, UNCERTAIN])
@pytest.mark.parametrize("holds", [(), {"push"}])
async def test_it_is_sent_if_one_took_it_and_no_other_may_still_succeed(push, other, holds):
    verdict = await push(other, TAKEN, holds=holds).next()

    assert isinstance(verdict, Sent)
    assert verdict.message_id == "m-1"


async def test_each_devices_outcome_is_told_without_its_address(push):
    verdict = await push(GONE, TAKEN).next()

    gone, taken = verdict.targets
    assert (gone.target, gone.outcome, gone.reason) == ("phone", "gone", Reason.ADDRESS_GONE)
    assert (gone.provider, gone.detail) == ("post", "410 Unregistered")
    assert (taken.target, taken.outcome, taken.message_id) == ("#2", "accepted", "m-1")


@pytest.mark.parametrize(
    ("first", "kind"), [(BUSY, Retrying), (THROTTLED, Deferred)], ids=["busy", "throttled"]
)
async def test_what_may_still_succeed_is_tried_again_and_what_took_it_is_not(
    push, provider, first, kind
):
    notification = push(TAKEN, first)
    assert isinstance(await notification.next(), kind)
    provider.sent.clear()
    notification.deliver.senders["push"].providers[0].pause._until = 0.0

    assert isinstance(await notification.next(), Sent)
    assert [message.address for message in provider.sent] == ["two"]


@pytest.mark.parametrize("never", [GONE, REFUSED])
async def test_what_is_gone_or_was_refused_is_not_asked_again(push, provider, never):
    notification = push(never, BUSY)
    assert isinstance(await notification.next(), Retrying)
    provider.sent.clear()
    await notification.next()

    assert [message.address for message in provider.sent] == ["two"]


async def test_after_the_last_attempt_it_is_sent_if_one_took_it(push):
    verdict = await push(TAKEN, BUSY).next(limit=1)

    assert isinstance(verdict, Sent)
    assert told(verdict) == {"phone": "accepted", "#2": "transient"}


@pytest.mark.parametrize("first", [BUSY, THROTTLED])
async def test_it_is_sent_if_one_took_it_and_it_expires_before_the_next_attempt(push, first):
    verdict = await push(TAKEN, first).next(expires_at=NOW + timedelta(seconds=2))

    assert isinstance(verdict, Sent)


async def test_it_is_sent_if_one_took_it_before_and_the_others_fail_for_good(push, provider):
    notification = push(TAKEN, BUSY)
    await notification.next()
    provider.answers_to = {"two": [GONE]}

    assert isinstance(await notification.next(), Sent)


async def test_it_is_sent_if_one_took_it_and_the_others_were_removed_meanwhile(push, contacts):
    notification = push(TAKEN, BUSY)
    await notification.next()
    contacts.add("ada", {"email": "ada@example.com"})

    assert await notification.next() == Sent(call=None)


async def test_it_is_sent_if_one_took_it_and_the_user_is_gone(push, contacts):
    notification = push(TAKEN, BUSY)
    await notification.next()
    del contacts.contacts["ada"]

    assert await notification.next() == Sent(call=None)


async def test_none_took_it_and_all_failed_for_good(push):
    verdict = await push(REFUSED, GONE).next()

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.PROVIDER_REJECTED
    assert told(verdict) == {"phone": "permanent", "#2": "gone"}


async def test_none_took_it_and_one_is_uncertain_where_the_channel_holds(push):
    verdict = await push(GONE, UNCERTAIN, holds={"push"}).next()

    assert isinstance(verdict, Failed)
    assert (verdict.reason, verdict.is_uncertain) == (Reason.AMBIGUOUS, True)


async def test_none_took_it_and_one_is_uncertain_where_the_channel_resends(push, provider):
    notification = push(GONE, UNCERTAIN)
    verdict = await notification.next()

    assert isinstance(verdict, Retrying)
    assert verdict.is_uncertain
    provider.sent.clear()
    assert isinstance(await notification.next(), Sent)
    assert [message.address for message in provider.sent] == ["two"]


async def test_none_took_it_one_is_busy_and_one_uncertain_where_the_channel_holds(push, provider):
    notification = push(BUSY, UNCERTAIN, holds={"push"})
    verdict = await notification.next()

    assert isinstance(verdict, Retrying)
    assert (verdict.reason, verdict.is_uncertain) == (Reason.PROVIDER_UNAVAILABLE, True)
    provider.sent.clear()
    await notification.next()
    assert [message.address for message in provider.sent] == ["one"]


async def test_what_is_uncertain_is_not_sent_again_once_another_took_it(
    contacts, provider, attempts
):
    provider.answers_to = {"one": [TAKEN], "two": [UNCERTAIN], "three": [BUSY]}
    contacts.add("ada", {"push": (*DEVICES, ContactAddress(value="three"))})
    notification = attempts("push", provider)
    assert isinstance(await notification.next(), Retrying)
    provider.sent.clear()

    assert isinstance(await notification.next(), Sent)
    assert [message.address for message in provider.sent] == ["three"]


@pytest.mark.parametrize("repeating", [Repeating.IDEMPOTENT, Repeating.ASKABLE])
async def test_what_is_uncertain_is_cleared_up_though_another_took_it(push, provider, repeating):
    notification = push(TAKEN, UNCERTAIN, repeating=repeating)
    verdict = await notification.next()
    assert isinstance(verdict, Retrying)
    assert told(verdict) == {"phone": "accepted", "#2": "uncertain"}
    provider.sent.clear()

    while isinstance(verdict, Retrying):
        verdict = await notification.next()
    assert isinstance(verdict, Sent)
    assert "one" not in [message.address for message in provider.sent]


async def test_none_took_it_and_all_are_throttled(push):
    verdict = await push(THROTTLED, THROTTLED).next()

    assert isinstance(verdict, Deferred)
    assert verdict.delay >= timedelta(minutes=1)


async def test_a_suppressed_device_is_not_sent_to_and_the_others_are(contacts, provider, attempts):
    dead = ContactAddress(value="one", suppressed="gone")
    contacts.add(
        "ada", {"push": (dead, ContactAddress(value="two"), ContactAddress(value="three"))}
    )
    await attempts("push", provider).next()

    assert [message.address for message in provider.sent] == ["two", "three"]


async def test_all_suppressed_is_a_failure_with_the_reason_why(contacts, provider, attempts):
    contacts.add("ada", {"push": (ContactAddress(value="one", suppressed="complaint"),)})
    verdict = await attempts("push", provider).next()

    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.SUPPRESSED
    assert "complaint" in verdict.detail
    assert provider.sent == []


async def test_the_user_service_is_told_of_what_is_gone_and_what_was_used(push, reports):
    await push(GONE, TAKEN).next()

    (gone, *_), (used, provider, trace_id) = reports.told
    assert (gone.channel, gone.address, gone.kind) == ("push", "one", ReportKind.GONE)
    assert (gone.reason, gone.evidence, gone.at) == (
        Reason.ADDRESS_GONE,
        "410 Unregistered",
        NOW,
    )
    assert (used.address, used.kind) == ("two", ReportKind.USED)
    assert (provider, trace_id) == ("post", "t-1")


async def test_who_opted_out_is_told_as_such_and_may_opt_in_again(push, reports):
    since = NOW - timedelta(days=3)
    opted_out = AddressGone(reason=Reason.OPTED_OUT, detail="21610", since=since)
    await push(opted_out, BUSY).next()

    [(report, _, _)] = reports.told
    assert (report.kind, report.at) == (ReportKind.OPT_OUT, since)


async def test_what_was_diverted_says_nothing_of_the_address_that_was_meant(push, reports):
    diverted = Accepted(diversion=Diversion.REDIRECTED)
    await push(diverted, diverted).next()

    assert reports.told == []
