from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from durable_queue.broker_guard import BrokerGuard
from durable_queue.errors import QueueError, QueueFull, QueueUnavailable
from durable_queue.memory import InMemoryQueue, MemoryOptions
from notification_contracts.codec import decode
from notification_contracts.events import NotificationRequested
from notification_contracts.http.callers import Caller
from notification_contracts.lanes import validation_lanes
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_publisher.application.ports import Acceptance, KeyReused, TimesNotGranted
from notification_publisher.application.publishing import PublishNotification
from notification_publisher.domain.notification import Notification
from notification_publisher.infrastructure.queue import DurableNotificationQueue
from testkit.clock import FrozenClock

Publish = Callable[..., Awaitable[Acceptance]]
Accepted = Callable[[], Awaitable[list[NotificationRequested]]]

ASKED = Notification(user_id="user_test", message="hello")
ROOM_FOR = 5


@pytest.fixture
def queue(clock: FrozenClock) -> InMemoryQueue:
    options = MemoryOptions(max_waiting=ROOM_FOR)
    return InMemoryQueue(now=clock, steady=clock.steady, options=options)


@pytest.fixture
def publish(queue: InMemoryQueue) -> Publish:
    accepting = DurableNotificationQueue(
        queue=queue, broker=BrokerGuard(queue, allow_volatile=True)
    )
    published = PublishNotification(queue=accepting, new_trace_id=new_trace_id)
    return partial(published, caller=Caller())


@pytest.fixture
def accepted(queue: InMemoryQueue) -> Accepted:
    """Take all that was accepted out of the queue."""

    async def take_all() -> list[NotificationRequested]:
        found = await queue.receive(validation_lanes(), limit=10, wait=timedelta(0))
        return [decode(delivery.body) for delivery in found]

    return take_all


async def test_an_accepted_notification_is_in_the_queue_under_its_trace_id(
    publish: Publish, accepted: Accepted, clock: FrozenClock
) -> None:
    acceptance = await publish(ASKED, request_id="r-1")

    (event,) = await accepted()
    assert event.trace_id == acceptance.trace_id
    assert (event.user_id, event.message) == (ASKED.user_id, ASKED.message)
    assert (event.request_id, event.requested_at) == ("r-1", clock())


async def test_two_requests_without_a_key_are_two_notifications(
    publish: Publish, accepted: Accepted
) -> None:
    first, second = await publish(ASKED), await publish(ASKED)

    assert first.trace_id != second.trace_id
    assert len(await accepted()) == 2


async def test_a_notification_for_later_is_accepted_as_scheduled(
    publish: Publish, clock: FrozenClock
) -> None:
    acceptance = await publish(replace(ASKED, send_at=clock() + timedelta(hours=1)))

    assert acceptance.status is Status.SCHEDULED


async def test_a_repetition_under_the_same_key_gets_the_first_answer(
    publish: Publish, accepted: Accepted
) -> None:
    first = await publish(ASKED, key="k")

    assert await publish(ASKED, key="k") == replace(first, replayed=True)
    assert len(await accepted()) == 1


async def test_another_request_under_the_same_key_is_refused_with_the_first_ones_name(
    publish: Publish,
) -> None:
    first = await publish(ASKED, key="k")

    with pytest.raises(KeyReused) as refusal:
        await publish(replace(ASKED, message="other"), key="k")

    assert refusal.value.trace_id == first.trace_id


async def test_times_that_can_not_be_are_refused_before_anything_is_stored(
    publish: Publish, accepted: Accepted, clock: FrozenClock
) -> None:
    with pytest.raises(TimesNotGranted) as refusal:
        await publish(replace(ASKED, send_at=clock() - timedelta(days=1)), key="k")

    assert [fault.pointer for fault in refusal.value.faults] == ["/send_at"]
    assert await accepted() == []


async def test_an_honest_repetition_is_answered_after_its_times_have_passed(
    publish: Publish, clock: FrozenClock
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
    publish: Publish, clock: FrozenClock
) -> None:
    await publish(ASKED, key="k")

    with pytest.raises(KeyReused):
        await publish(replace(ASKED, expires_at=clock() - timedelta(days=1)), key="k")


@pytest.mark.parametrize(
    ("is_down", "waiting", "error"),
    [(True, 0, QueueUnavailable), (False, ROOM_FOR, QueueFull)],
    ids=["down", "full"],
)
async def test_nothing_is_accepted_when_the_queue_can_not_take_it(
    publish: Publish,
    accepted: Accepted,
    queue: InMemoryQueue,
    is_down: bool,
    waiting: int,
    error: type[QueueError],
) -> None:
    for _ in range(waiting):
        await publish(ASKED)
    queue.is_down = is_down

    with pytest.raises(error):
        await publish(ASKED)
    queue.is_down = False
    assert len(await accepted()) == waiting
