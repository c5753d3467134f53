import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.domain.sending import NotTried
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings, ChannelSenders
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.memory import InMemoryProvider
from notification_providers.port import (
    Accepted,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MESSAGE = OutgoingMessage(
    trace_id="t-1",
    channel="email",
    attempt=1,
    idempotency_key="t-1",
    address="a",
    message="m",
)
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")
THROTTLED = TransientFailure(reason=Reason.RATE_LIMITED, detail="429")
ASKS = TransientFailure(reason=Reason.RATE_LIMITED, detail="429", retry_after=HOUR)
REFUSED = PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail="bad key")
NO_MAILBOX = PermanentFailure(
    reason=Reason.INVALID_ADDRESS, detail="no mailbox", fault=FaultSide.RECIPIENT
)
GREYLISTED = TransientFailure(
    reason=Reason.PROVIDER_UNAVAILABLE, detail="later", fault=FaultSide.RECIPIENT
)
UNCERTAIN = UncertainFailure(detail="no answer")


@pytest.fixture
def first():
    return InMemoryProvider(name="first")


@pytest.fixture
def second():
    return InMemoryProvider(name="second")


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def protecting(registry):
    """Make senders of providers, in this process alone."""

    def make(breaker, *providers):
        return ChannelSenders(
            {"email": [(provider, Limits()) for provider in providers]},
            breaker=breaker,
            pauses=InMemoryPauses(),
            bounded=RetryPolicy().bounded,
            diverter=Diverter(delivery=DeliveryPolicy()),
            registry=registry,
            now=lambda: NOW,
        )

    return make


@pytest.fixture
def senders(first, second, protecting):
    return protecting(BreakerSettings(failures=2, pause=timedelta(seconds=10)), first, second)


@pytest.fixture
def send(senders):
    started = []

    async def send():
        async def on_start(provider):
            started.append(provider)

        return await senders.by_channel["email"].send(MESSAGE, on_start=on_start)

    send.started = started  # type: ignore[attr-defined]
    return send


async def begin(provider):
    """Begin without a queue."""


async def test_the_first_provider_is_asked_first_and_alone(send, second):
    report = await send()

    assert report.call.provider == "first"
    assert second.sent == []
    assert send.started == ["first"]


@pytest.mark.parametrize("failure", [BUSY, THROTTLED, REFUSED])
async def test_the_next_takes_over_from_a_provider_that_fails(send, first, failure):
    first.answers = [failure]

    report = await send()

    assert report.outcome == Accepted()
    assert report.call.provider == "second"
    assert send.started == ["first", "second"]


@pytest.mark.parametrize("outcome", [NO_MAILBOX, GREYLISTED, UNCERTAIN])
async def test_the_next_is_not_asked_where_it_could_not_do_better(send, first, second, outcome):
    first.answers = [outcome]

    report = await send()

    assert report.outcome == outcome
    assert second.sent == []


async def test_an_uncertain_outcome_of_the_next_is_the_one_that_counts(send, first, second):
    first.answers = [BUSY]
    second.answers = [UNCERTAIN]

    assert (await send()).outcome == UNCERTAIN


@pytest.mark.parametrize(
    ("of_first", "of_second", "expected"),
    [(BUSY, REFUSED, BUSY), (REFUSED, BUSY, BUSY), (REFUSED, REFUSED, REFUSED)],
)
async def test_when_all_fail_the_failure_that_leaves_hope_counts(
    send, first, second, of_first, of_second, expected
):
    first.answers = [of_first]
    second.answers = [of_second]

    assert (await send()).outcome == expected


async def test_a_provider_whose_breaker_is_open_is_passed_over(send, first, second):
    first.answers = [BUSY, BUSY]
    await send()
    await send()
    await send()

    assert len(first.sent) == 2
    assert len(second.sent) == 3


async def test_a_refusal_counts_as_transient_while_another_provider_rests(send, first, second):
    second.answers = [BUSY, BUSY]
    first.answers = [REFUSED, THROTTLED, REFUSED]
    await send()
    await send()

    report = await send()

    assert isinstance(report.outcome, TransientFailure)
    assert report.outcome.reason is Reason.PROVIDER_UNAVAILABLE
    assert report.call.provider == "first"


async def test_while_all_breakers_are_open_it_waits_for_the_first_to_let_a_probe_through(
    protecting, first, second
):
    senders = protecting(BreakerSettings(failures=1, pause=timedelta(seconds=0.05)), first, second)
    sender = senders.by_channel["email"]
    first.answers = [BUSY]
    second.answers = [BUSY]
    began = time.monotonic()
    await sender.send(MESSAGE, on_start=begin)

    report = await sender.send(MESSAGE, on_start=begin)

    assert report.outcome == Accepted()
    assert time.monotonic() - began > 0.04


async def test_when_no_breaker_lets_anything_through_nothing_is_tried(first, protecting):
    first.answers = [BUSY]
    breaker = BreakerSettings(failures=1, pause=timedelta(seconds=30))
    senders = protecting(breaker, first)
    sender = replace(senders.by_channel["email"], max_wait=timedelta(0))

    await sender.send(MESSAGE, on_start=begin)
    report = await sender.send(MESSAGE, on_start=begin)

    assert isinstance(report.outcome, NotTried)
    assert report.outcome.reason is Reason.PROVIDER_UNAVAILABLE
    assert len(first.sent) == 1


async def test_breakers_are_shown_in_the_metrics_and_by_name(send, senders, first, registry):
    first.answers = [BUSY, BUSY]
    await send()
    await send()

    labels = {"channel": "email", "provider": "first"}
    states = await senders.states()
    assert [(each.name, each.breaker) for each in states] == [
        ("first", "open"),
        ("second", "closed"),
    ]
    assert states[0].opens_until is not None
    assert registry.get_sample_value("dispatcher_provider_breaker_state", labels) == 2
    transient = labels | {"outcome": "transient"}
    assert registry.get_sample_value("dispatcher_provider_sends_total", transient) == 2


async def test_providers_of_the_same_name_have_breakers_of_their_own(protecting):
    twins = [InMemoryProvider(name="post"), InMemoryProvider(name="post")]

    senders = protecting(BreakerSettings(failures=9, pause=HOUR), *twins)

    assert [each.name for each in await senders.states()] == ["post", "post-2"]
    assert [(each.name, each.provider) for each in senders.named()] == [
        ("post", twins[0]),
        ("post-2", twins[1]),
    ]


async def test_while_the_first_is_paused_all_go_by_the_second(send, first, second):
    first.answers = [ASKS]
    for _ in range(5):
        assert (await send()).outcome == Accepted()

    assert len(first.sent) == 1
    assert len(second.sent) == 5


async def test_a_failure_of_the_second_is_not_put_off_by_the_retry_after_of_the_first(
    send, first, second
):
    first.answers = [ASKS]
    second.answers = [BUSY]

    report = await send()

    assert report.outcome == BUSY
    assert report.call.provider == "second"


async def test_when_all_are_paused_the_shortest_retry_after_counts(send, first, second):
    first.answers = [ASKS]
    second.answers = [replace(ASKS, retry_after=timedelta(minutes=1))]

    assert (await send()).outcome.retry_after == timedelta(minutes=1)
    again = await send()

    assert isinstance(again.outcome, NotTried)
    assert again.outcome.retry_in <= timedelta(minutes=1)


async def test_a_pause_is_shown_in_the_metrics_and_by_its_end(send, senders, first, registry):
    first.answers = [ASKS]
    await send()

    labels = {"channel": "email", "provider": "first"}
    assert registry.get_sample_value("dispatcher_provider_paused_seconds", labels) > 3000
    state = (await senders.states())[0]
    assert state.paused_until is not None
    assert NOW < state.paused_until <= NOW + HOUR


class UnclosableProvider(InMemoryProvider):
    """Fails to close, as one may whose connection is in a bad way."""

    async def close(self):
        raise OSError("the connection is gone")


async def test_a_provider_that_fails_to_close_keeps_no_other_open(protecting, first, second):
    senders = protecting(
        BreakerSettings(failures=2, pause=HOUR), first, UnclosableProvider(), second
    )

    with pytest.raises(OSError, match="gone"):
        await senders.stop()

    assert first.is_closed
    assert second.is_closed
