from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_publisher.application.ports import (
    KeyReused,
    PublishingUnavailable,
    TimesNotGranted,
    TooManyWaiting,
)
from notification_publisher.application.publishing import PublishNotification
from notification_publisher.domain.notification import Notification
from notification_publisher.infrastructure.memory import InMemoryOutbox
from testkit.clock import FrozenClock

ASKED = Notification(user_id="user_test", message="hello")


@pytest.fixture
def outbox(clock: FrozenClock) -> InMemoryOutbox:
    return InMemoryOutbox(now=clock)


@pytest.fixture
def publish(outbox: InMemoryOutbox) -> PublishNotification:
    return PublishNotification(outbox=outbox, new_trace_id=new_trace_id)


async def test_an_accepted_notification_is_in_the_outbox_under_its_trace_id(
    publish: PublishNotification, outbox: InMemoryOutbox, clock: FrozenClock
) -> None:
    acceptance = await publish(ASKED, request_id="r-1")

    (submission,) = outbox.accepted
    assert submission.trace_id == acceptance.trace_id
    assert (submission.notification, submission.request_id) == (ASKED, "r-1")
    assert submission.requested_at == clock()


async def test_two_requests_without_a_key_are_two_notifications(
    publish: PublishNotification, outbox: InMemoryOutbox
) -> None:
    first, second = await publish(ASKED), await publish(ASKED)

    assert first.trace_id != second.trace_id
    assert len(outbox.accepted) == 2


async def test_a_notification_for_later_is_accepted_as_scheduled(
    publish: PublishNotification, clock: FrozenClock
) -> None:
    acceptance = await publish(replace(ASKED, send_at=clock() + timedelta(hours=1)))

    assert acceptance.status is Status.SCHEDULED


async def test_a_repetition_under_the_same_key_gets_the_first_answer(
    publish: PublishNotification, outbox: InMemoryOutbox
) -> None:
    first = await publish(ASKED, key="k")

    assert await publish(ASKED, key="k") == replace(first, replayed=True)
    assert len(outbox.accepted) == 1


async def test_another_request_under_the_same_key_is_refused_with_the_first_ones_name(
    publish: PublishNotification,
) -> None:
    first = await publish(ASKED, key="k")

    with pytest.raises(KeyReused) as refusal:
        await publish(replace(ASKED, message="other"), key="k")

    assert refusal.value.trace_id == first.trace_id


async def test_times_that_can_not_be_are_refused_before_anything_is_stored(
    publish: PublishNotification, outbox: InMemoryOutbox, clock: FrozenClock
) -> None:
    with pytest.raises(TimesNotGranted) as refusal:
        await publish(replace(ASKED, send_at=clock() - timedelta(days=1)), key="k")

    assert [fault.pointer for fault in refusal.value.faults] == ["/send_at"]
    assert outbox.accepted == []


async def test_an_honest_repetition_is_answered_after_its_times_have_passed(
    publish: PublishNotification, clock: FrozenClock
) -> None:
    asked = replace(
        ASKED,
        send_at=clock() + timedelta(minutes=1),
        expires_at=clock() + timedelta(minutes=2),
    )
    first = await publish(asked, key="k")
    clock.advance(timedelta(hours=1))

    assert await publish(asked, key="k") == replace(first, replayed=True)


async def test_another_request_under_the_same_key_is_a_conflict_even_if_its_times_passed(
    publish: PublishNotification, clock: FrozenClock
) -> None:
    await publish(ASKED, key="k")

    with pytest.raises(KeyReused):
        await publish(replace(ASKED, expires_at=clock() - timedelta(days=1)), key="k")


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (lambda outbox: setattr(outbox, "is_down", True), PublishingUnavailable),
        (lambda outbox: setattr(outbox, "_room_for", 0), TooManyWaiting),
    ],
    ids=["down", "full"],
)
async def test_nothing_is_accepted_when_the_outbox_can_not_take_it(
    publish: PublishNotification,
    outbox: InMemoryOutbox,
    trouble: Callable[[InMemoryOutbox], None],
    error: type[Exception],
) -> None:
    trouble(outbox)

    with pytest.raises(error):
        await publish(ASKED)
    assert outbox.accepted == []
