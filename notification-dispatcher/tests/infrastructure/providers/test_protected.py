import asyncio
from datetime import timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.sending import NotTried
from notification_dispatcher.infrastructure.circuit_breaker import BreakerState
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    Misconfigured,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

MESSAGE = OutgoingMessage(
    trace_id="t-1",
    channel="email",
    attempt=1,
    idempotency_key="t-1",
    address="a",
    message="m",
)
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")


class HangingProvider:
    name = "hanging"

    async def send(self, message):
        await asyncio.Event().wait()


class CrashingProvider:
    name = "crashing"

    async def send(self, message):
        raise RuntimeError("ada@example.com is too much for me")


async def on_start(provider):
    """Begin without a queue."""


async def test_the_outcome_comes_with_who_gave_it_and_how_long_it_took(protect, provider, observed):
    report = await protect(provider).send(MESSAGE, on_start=on_start)

    assert report.outcome == Accepted()
    assert report.call.provider == "post"
    assert timedelta(0) < report.call.duration < timedelta(minutes=1)
    assert observed == [Accepted()]


async def test_it_begins_before_the_provider_is_asked(protect, provider):
    sent_when_started = []

    async def on_start(name):
        sent_when_started.append((name, len(provider.sent)))

    await protect(provider).send(MESSAGE, on_start=on_start)

    assert sent_when_started == [("post", 0)]


async def test_a_provider_that_does_not_answer_leaves_it_uncertain(protect):
    report = await protect(HangingProvider()).send(MESSAGE, on_start=on_start)

    assert report.outcome == UncertainFailure(detail="no answer within 0.02 s")


async def test_a_provider_that_crashes_leaves_it_uncertain_and_keeps_its_words_to_itself(protect):
    report = await protect(CrashingProvider()).send(MESSAGE, on_start=on_start)

    assert report.outcome == UncertainFailure(detail="the adapter crashed: RuntimeError")


async def test_what_starting_raises_is_raised_and_leaves_the_limits_as_they_were(protect, provider):
    class Over(Exception):
        pass

    async def refuse(name):
        raise Over

    protected = protect(provider, concurrency=1, failures=1)
    for _ in range(3):
        with pytest.raises(Over):
            await protected.send(MESSAGE, on_start=refuse)

    assert provider.sent == []
    assert (await protected.send(MESSAGE, on_start=on_start)).outcome == Accepted()


async def test_at_its_rate_nothing_is_begun(protect, provider):
    started = []

    async def on_start(name):
        started.append(name)

    protected = protect(provider, per_second=0.01)
    await protected.gate.enter()
    protected.gate.leave()
    report = await protected.send(MESSAGE, on_start=on_start)

    assert isinstance(report.outcome, NotTried)
    assert report.outcome.reason is Reason.RATE_LIMITED
    assert report.call is None
    assert started == []


async def test_failures_in_a_row_open_the_breaker(protect, provider):
    provider.answers = [BUSY] * 3
    protected = protect(provider)
    for _ in range(3):
        await protected.send(MESSAGE, on_start=on_start)
    report = await protected.send(MESSAGE, on_start=on_start)

    assert len(provider.sent) == 3
    assert isinstance(report.outcome, NotTried)
    assert report.outcome.reason is Reason.PROVIDER_UNAVAILABLE
    assert timedelta(0) < report.outcome.retry_in <= timedelta(seconds=30)


@pytest.mark.parametrize(
    "outcome",
    [
        TransientFailure(reason=Reason.RATE_LIMITED, detail="429"),
        TransientFailure(
            reason=Reason.PROVIDER_UNAVAILABLE, detail="full mailbox", fault=FaultSide.RECIPIENT
        ),
        PermanentFailure(
            reason=Reason.INVALID_ADDRESS, detail="no such mailbox", fault=FaultSide.RECIPIENT
        ),
    ],
)
async def test_what_is_not_the_providers_fault_never_opens_the_breaker(protect, provider, outcome):
    provider.answers = [outcome] * 10
    protected = protect(provider)
    for _ in range(10):
        await protected.send(MESSAGE, on_start=on_start)

    assert protected.breaker.state is BreakerState.CLOSED


async def test_a_cancelled_probe_makes_room_for_the_next(protect):
    protected = protect(HangingProvider(), failures=1)
    await protected.send(MESSAGE, on_start=on_start)
    protected.breaker._opens_at = 0
    probe = asyncio.create_task(protected.send(MESSAGE, on_start=on_start))
    await asyncio.sleep(0)
    assert not protected.is_available
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe

    assert protected.is_available


THROTTLED = TransientFailure(
    reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=5)
)


async def test_a_provider_that_asks_for_no_further_call_gets_none(protect, provider):
    provider.answers = [THROTTLED]
    protected = protect(provider)
    await protected.send(MESSAGE, on_start=on_start)

    report = await protected.send(MESSAGE, on_start=on_start)

    assert isinstance(report.outcome, NotTried)
    assert report.outcome.reason is Reason.RATE_LIMITED
    assert timedelta(minutes=4) < report.outcome.retry_in <= timedelta(minutes=5)
    assert len(provider.sent) == 1
    assert not protected.is_available


async def test_a_pause_that_one_dispatcher_began_holds_for_the_others(protect, provider):
    provider.answers = [THROTTLED]
    here, elsewhere = protect(provider), protect(provider)
    await here.send(MESSAGE, on_start=on_start)

    report = await elsewhere.send(MESSAGE, on_start=on_start)

    assert isinstance(report.outcome, NotTried)
    assert len(provider.sent) == 1


async def test_it_is_asked_again_when_its_time_has_come(protect, provider, pauses):
    now = 0.0
    pauses.monotonic = lambda: now
    provider.answers = [THROTTLED]
    protected = protect(provider)
    protected.pause.monotonic = lambda: now
    await protected.send(MESSAGE, on_start=on_start)
    now = 301.0

    report = await protected.send(MESSAGE, on_start=on_start)

    assert report.outcome == Accepted()


async def test_a_retry_after_of_a_recipient_pauses_no_other(protect, provider):
    greylisted = TransientFailure(
        reason=Reason.RATE_LIMITED,
        detail="later",
        retry_after=timedelta(minutes=5),
        fault=FaultSide.RECIPIENT,
    )
    provider.answers = [greylisted]
    protected = protect(provider)
    await protected.send(MESSAGE, on_start=on_start)

    assert (await protected.send(MESSAGE, on_start=on_start)).outcome == Accepted()


async def test_a_provider_that_refuses_this_system_gets_no_further_call(protect, provider):
    provider.answers = [Misconfigured(detail="535 wrong password")]
    protected = protect(provider)

    refused = await protected.send(MESSAGE, on_start=on_start)
    waiting = await protected.send(MESSAGE, on_start=on_start)

    assert refused.outcome == TransientFailure(
        reason=Reason.PROVIDER_AUTH,
        detail="535 wrong password",
        retry_after=timedelta(seconds=30),
    )
    assert isinstance(waiting.outcome, NotTried)
    assert waiting.outcome.reason == Reason.PROVIDER_AUTH
    assert len(provider.sent) == 1


async def test_a_dead_address_says_nothing_against_the_provider(protect, provider):
    gone = AddressGone(reason=Reason.ADDRESS_GONE, detail="410")
    provider.answers = [gone] * 3
    protected = protect(provider)

    outcomes = [(await protected.send(MESSAGE, on_start=on_start)).outcome for _ in range(3)]

    assert outcomes == [gone] * 3
    assert protected.breaker.state is BreakerState.CLOSED
