"""Providers in trouble, scripted by addresses of the simulator."""

import asyncio
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize(
    ("user_id", "status", "reason", "attempts", "copies"),
    [
        ("ok", "sent", None, 1, 1),
        ("flaky", "sent", None, 3, 1),
        ("refused", "failed", "provider_rejected", 1, 0),
        ("throttled", "sent", None, 2, 1),
        ("unsure", "sent", None, 2, 2),
    ],
)
async def test_each_outcome_leads_where_it_should(
    system, user_id, status, reason, attempts, copies
):
    trace_id = await system.send(user_id=user_id)

    notification = await system.until(trace_id)

    assert (notification["status"], notification["reason"]) == (status, reason)
    assert notification["attempts"] == attempts
    assert system.copies(trace_id) == copies


async def test_a_provider_that_never_answers_ends_as_exhausted(start_system):
    async with start_system(RETRY_SCHEDULE="0.1s", MAX_ATTEMPTS="2") as system:
        trace_id = await system.send(user_id="silent")

        notification = await system.until(trace_id, seconds=30)

        assert (notification["status"], notification["reason"]) == ("failed", "attempts_exhausted")
        assert notification["attempts"] == 2


async def test_a_slow_channel_delays_no_other(start_system):
    async with start_system(DISPATCHER_CONCURRENCY="4") as system:
        contact = {"sms": "+15005550004", "email": "ok@sim.example"}
        async with system.http.put("/users/two-ways", json=contact) as answer:
            answer.raise_for_status()
        for _ in range(40):
            await system.send(user_id="two-ways", channel="sms")
        await asyncio.sleep(0.5)

        began = time.monotonic()
        trace_id = await system.send(user_id="two-ways", channel="email")
        await system.until(trace_id, "sent")

        assert time.monotonic() - began < 1


async def test_dead_letters_are_replayed_once_by_filter_after_a_dry_run(system):
    trace_ids = [await system.send(user_id="refused") for _ in range(3)]
    for trace_id in trace_ids:
        await system.until(trace_id, "failed")
    contact = {"email": "ok@sim.example"}
    async with system.http.put("/users/refused", json=contact) as answer:
        answer.raise_for_status()
    await asyncio.sleep(2.5)  # the contact cache's time
    oldest = (await system.get(trace_ids[0]))["created_at"]
    wish = {"reason": "provider_rejected", "since": oldest}

    async with system.http.post("/dead-letters/replay", json=wish | {"dry_run": True}) as answer:
        dry = await answer.json()
    still_failed = [(await system.get(each))["status"] for each in trace_ids]
    async with system.http.post("/dead-letters/replay", json=wish) as answer:
        done = await answer.json()
    async with system.http.post("/dead-letters/replay", json=wish) as answer:
        again = await answer.json()
    for trace_id in trace_ids:
        await system.until(trace_id, "sent")

    assert (dry["matched"], dry["replayed"]) == (3, 0)
    assert still_failed == ["failed"] * 3
    assert done["replayed"] == 3
    assert again["replayed"] == 0
    assert [system.copies(trace_id) for trace_id in trace_ids] == [1, 1, 1]
