"""Scheduling, cancelling, expiring, and who goes first."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from durable_queue.port import Message, Queue, QueueUnavailable
from notification_contracts.codec import encode
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.opening import open_worker_queue
from notification_ledger.status_update import StatusUpdate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


def in_seconds(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_a_scheduled_notification_leaves_when_it_is_due_and_not_before(system):
    accepted, due = await system.send_ahead("send_at")

    notification = await system.until(accepted["trace_id"])

    assert notification["timeline"][0]["status"] == "scheduled"
    assert notification["status"] == "sent"
    sent_at = datetime.fromisoformat(notification["updated_at"])
    assert sent_at >= datetime.fromisoformat(due) - timedelta(milliseconds=1)  # kept in ms


async def test_a_cancelled_notification_is_never_sent(system):
    due = ""
    while due <= in_seconds(0):  # else the machine stood still until it was due
        accepted, due = await system.send_ahead("send_at")
        trace_id = accepted["trace_id"]
        later = await system.send(send_at=due)
        async with system.http.delete(f"/notifications/{trace_id}") as answer:
            cancelled = await answer.json()
    await system.until(later, "sent")

    assert (answer.status, cancelled["status"]) == (200, "cancelled")
    assert (await system.get(trace_id))["status"] == "cancelled"
    assert system.copies(trace_id) == 0


async def test_what_was_sent_is_past_cancelling(system):
    trace_id = await system.send()
    await system.until(trace_id, "sent")

    async with system.http.delete(f"/notifications/{trace_id}") as answer:
        problem = await answer.json(content_type=None)

    assert answer.status == 409
    assert problem["trace_id"] == trace_id


async def test_the_race_between_cancelling_and_sending_has_one_winner(system):
    async def race():
        trace_id = await system.send()
        async with system.http.delete(f"/notifications/{trace_id}") as answer:
            cancelled = answer.status == 200
        notification = await system.until(trace_id)
        return cancelled, notification["status"], system.copies(trace_id)

    outcomes = await asyncio.gather(*(race() for _ in range(60)))

    assert set(outcomes) <= {(True, "cancelled", 0), (False, "sent", 1)}


async def test_nothing_is_sent_after_it_expired(idle_system):
    accepted, _ = await idle_system.send_ahead("expires_at")
    await asyncio.sleep(3.2)

    await idle_system.dispatcher()
    notification = await idle_system.until(accepted["trace_id"])

    assert notification["status"] == "expired"
    assert idle_system.copies(accepted["trace_id"]) == 0


async def test_a_retry_that_would_come_too_late_expires(idle_system):
    await working(idle_system, RETRY_SCHEDULE="30s")

    notification = await expires_after("retrying", idle_system, "always-down")

    assert notification["status"] == "expired"


async def working(system, **environment):
    """Start a dispatcher that is at work: for what must be tried before it expires."""
    dispatcher = await system.dispatcher(**environment)
    async with asyncio.timeout(60):
        while not await dispatcher.program.is_ready():
            await asyncio.sleep(0.05)


async def expires_after(status, system, user_id):
    """Send one that expires in seconds; return how it ended if it had this status before."""
    while True:
        accepted, _ = await system.send_ahead("expires_at", seconds=5, user_id=user_id)
        ended = await system.until(accepted["trace_id"])
        if status in [entry["status"] for entry in ended["timeline"]]:
            return ended
        # The machine stood still until it had expired: once more.


async def insist(queue: Queue, message: Message) -> None:
    """Send it until the broker has taken it."""
    while True:
        try:
            await queue.send(message)
        except QueueUnavailable:
            await asyncio.sleep(0.1)
        else:
            return


async def test_an_urgent_one_overtakes_ten_thousand_and_they_still_move(idle_system):
    queue = open_worker_queue(
        idle_system.harness.stores, lease=timedelta(seconds=60), concurrency=1
    )
    event = NotificationRequested(user_id="ok", message="no hurry", priority=Priority.LOW)
    note = StatusUpdate(status=Status.QUEUED, user_id="ok").encode()

    async def enqueue(count):
        for _ in range(count):
            message = Message(
                id=new_trace_id(),
                lane=validation_lane(Priority.LOW),
                body=encode(event),
                note=note,
            )
            await insist(queue, message)

    await asyncio.gather(*(enqueue(200) for _ in range(50)))
    await queue.close()
    at_first = sum(idle_system.received().values())
    dispatcher = await idle_system.dispatcher()
    while sum(idle_system.received().values()) < at_first + 500:
        await asyncio.sleep(0.05)

    os.kill(dispatcher.program.pid, signal.SIGSTOP)  # else it might be through before it is sent
    trace_id = await idle_system.send(priority="high")
    ahead = len(idle_system.arrivals())
    os.kill(dispatcher.program.pid, signal.SIGCONT)
    await idle_system.until(trace_id, "sent")
    arrived = idle_system.arrivals().index(trace_id)
    while len(idle_system.arrivals()) < arrived + 500:
        await asyncio.sleep(0.05)

    assert ahead < at_first + 8_000
    assert arrived < ahead + 2_000


async def test_expired_after_an_uncertain_attempt_says_that_it_may_have_been_sent(idle_system):
    await working(idle_system, RETRY_SCHEDULE="60s")

    notification = await expires_after("sending", idle_system, "unsure")

    assert (notification["status"], notification["reason"]) == ("expired", "ambiguous")
    assert idle_system.copies(notification["trace_id"]) == 1
