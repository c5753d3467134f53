"""Clocks that are an hour wrong, and clocks that jump by an hour: of a worker, of the publisher, of
the Redis that keeps the time.
"""

import asyncio
import collections
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

HOUR = timedelta(hours=1)
EITHER_WAY = pytest.mark.parametrize("wrong", [HOUR, -HOUR], ids=["ahead", "behind"])
# Where the publisher keeps the records in its memory, its clock is the one that counts.
KEPT_IN_REDIS = pytest.mark.parametrize("backing", ["redis", "rabbitmq"], indirect=True)
DISPATCHERS, OTHERS, REDIS = "dispatchers", "others", "redis"
PATIENCE = 90  # seconds, for what must come within minutes and not in an hour


@pytest_asyncio.fixture(loop_scope="module")
async def system(shared_clocked_system):
    """A system without a dispatcher whose clocks are right at first, and again at the end."""
    shared = shared_clocked_system
    shared.promised.clear()
    yield shared
    for clock in shared.clocks.values():
        clock.set(timedelta(0))
    await asyncio.sleep(2)  # the tick sees the jump back
    await shared.conserved()
    await shared.stop_dispatchers()


def from_now(**period):
    return (datetime.now(UTC) + timedelta(**period)).isoformat()


def reasons(record):
    return [entry["reason"] for entry in record["timeline"]]


async def held_by(system, dispatcher, count):
    """Have the only dispatcher hold so many that it is sending; it is stopped then."""
    while True:
        ids = await system.sending(count)
        os.kill(dispatcher.program.pid, signal.SIGSTOP)
        if {(await system.get(each))["status"] for each in ids} == {"sending"}:
            return ids
        os.kill(dispatcher.program.pid, signal.SIGCONT)


async def all_sent(system, ids):
    records = await asyncio.gather(*(system.until(each, "sent", seconds=PATIENCE) for each in ids))
    return records, collections.Counter(system.copies(each) for each in ids)


@EITHER_WAY
async def test_a_dispatcher_with_a_wrong_clock_keeps_all_times(system, wrong):
    system.clocks[DISPATCHERS].set(wrong)
    late, _ = await system.send_ahead("expires_at")
    await asyncio.sleep(3.2)
    await system.dispatcher(RETRY_SCHEDULE="20m,20m")
    in_time = await system.send(expires_at=from_now(minutes=10))
    failing = await system.send(user_id="always-down", expires_at=from_now(minutes=10))
    due = from_now(seconds=3)
    scheduled = await system.send(send_at=due)

    first = await system.until(failing, "retrying", seconds=PATIENCE)
    assert (await system.until(in_time, seconds=PATIENCE))["status"] == "sent"
    assert (await system.until(late["trace_id"], seconds=PATIENCE))["status"] == "expired"
    sent = await system.until(scheduled, "sent", seconds=PATIENCE)
    again = await system.get(failing)
    async with system.http.delete(f"/notifications/{failing}") as answer:
        await answer.read()

    assert system.copies(late["trace_id"]) == 0
    assert (first["attempts"], again["attempts"]) == (1, 1)
    assert datetime.fromisoformat(sent["updated_at"]) >= datetime.fromisoformat(due)


@EITHER_WAY
async def test_a_dispatchers_clock_that_jumps_while_it_sends_loses_no_lease(system, wrong):
    await system.dispatcher()
    ids = await system.sending(20)
    system.clocks[DISPATCHERS].set(wrong)

    records, copies = await all_sent(system, ids)

    assert copies == {1: 20}
    assert not any("lease_lost" in reasons(record) for record in records)


@KEPT_IN_REDIS
@EITHER_WAY
async def test_a_publisher_with_a_wrong_clock_grants_the_same_times(system, wrong):
    system.clocks[OTHERS].set(wrong)
    await system.dispatcher()
    scheduled, due = await system.send_ahead("send_at")
    in_time = await system.send(expires_at=from_now(minutes=10))
    refused, _ = await system.post(expires_at=from_now(minutes=-10))

    assert (scheduled["status"], refused) == ("scheduled", 422)
    assert (await system.until(in_time, seconds=PATIENCE))["status"] == "sent"
    sent = await system.until(scheduled["trace_id"], "sent", seconds=PATIENCE)
    assert datetime.fromisoformat(sent["updated_at"]) >= datetime.fromisoformat(due)


@KEPT_IN_REDIS
@EITHER_WAY
async def test_a_jump_of_the_redis_takes_nothing_from_live_workers(system, wrong):
    await system.dispatcher()
    ids = await system.sending(20)
    system.clocks[REDIS].set(wrong)
    ids += await system.sending(5)

    records, copies = await all_sent(system, ids)

    assert copies == {1: 25}
    assert not any("lease_lost" in reasons(record) for record in records)


@KEPT_IN_REDIS
@EITHER_WAY
async def test_what_dead_workers_held_comes_again_although_the_redis_jumped(system, wrong):
    doomed = await system.dispatcher()
    ids = await held_by(system, doomed, 5)
    await system.dispatcher()
    os.kill(doomed.program.pid, signal.SIGKILL)
    system.clocks[REDIS].set(wrong)

    records, copies = await all_sent(system, ids)

    assert set(copies) <= {1, 2}  # the provider may have had it when the worker died
    assert all("lease_lost" in reasons(record) for record in records)


@pytest.mark.parametrize("backing", ["redis"], indirect=True)
async def test_what_was_popped_and_not_claimed_is_issued_again_after_a_jump_back(system):
    warm = await system.dispatcher()  # its ticks leave their marks
    await system.until(await system.send(), "sent", seconds=PATIENCE)
    await asyncio.sleep(3)
    await warm.program.stop()
    trace_id = await system.send()
    await system.dies_at("worker.after_pop")
    system.clocks[REDIS].set(-HOUR)
    await system.dispatcher()

    await system.until(trace_id, "sent", seconds=PATIENCE)
    assert system.copies(trace_id) == 1
