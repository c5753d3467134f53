from datetime import timedelta

import pytest
from notification_contracts.webhooks import EventKind
from notification_ledger.webhooks.endpoints import EndpointSettings
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.telling import QUIET, TellOperators
from notification_publisher.infrastructure.dead_letter_alarm import WINDOW, DeadLetterAlarm
from testkit.ledger.webhook_examples import make_endpoint


@pytest.fixture
def monotonic(clock):
    return lambda: clock.steady().timestamp()


@pytest.fixture
async def store(clock, monotonic):
    store = InMemoryWebhookStore(now=clock, monotonic=monotonic)
    settings = EndpointSettings(
        url="https://ops.example", events=(EventKind.DEAD_LETTERS_PILED_UP,)
    )
    await store.store(make_endpoint(settings=settings))
    return store


@pytest.fixture
def alarm(ledger, store, monotonic):
    return DeadLetterAlarm(ledger, TellOperators(store=store), limit=3, monotonic=monotonic)


def told(store):
    return [dict(each.data) for events in store._waiting.values() for each in events]


async def test_it_is_told_when_many_come_within_the_window(alarm, store, harness):
    await harness.fail("refused")
    await alarm.look()
    for _ in range(2):
        await harness.fail("refused")
    await alarm.look()
    assert told(store) == []
    await harness.fail("refused")
    await alarm.look()
    await alarm.look()

    assert told(store) == [{"dead": 4, "more": 3, "within_seconds": 600}]


async def test_as_many_in_a_longer_time_are_no_news(alarm, store, harness):
    await alarm.look()
    for _ in range(6):
        await harness.fail("refused")
        await harness.skip(WINDOW * 0.6)
        await alarm.look()

    assert told(store) == []


async def test_of_two_publishers_one_tells_of_it(alarm, ledger, store, harness, monotonic):
    other = DeadLetterAlarm(ledger, TellOperators(store=store), limit=3, monotonic=monotonic)
    for each in (alarm, other):
        await each.look()
    for _ in range(3):
        await harness.fail("refused")
    for each in (alarm, other):
        await each.look()
    assert len(told(store)) == 1

    await harness.skip(QUIET + timedelta(seconds=1))
    await alarm.look()
    for _ in range(3):
        await harness.fail("refused")
    await alarm.look()
    assert len(told(store)) == 2
