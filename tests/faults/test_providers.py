"""Providers in trouble, scripted by addresses of the simulator."""

import asyncio
import os
import signal
from datetime import datetime, timedelta

import pytest
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import FRESH_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


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


async def test_a_throttled_provider_is_left_alone_by_all_and_no_attempt_is_used_up(
    start_system, backing
):
    script = "fake://?script=429-after-3s"
    async with start_system(EMAIL_PROVIDERS=script, dispatchers="2") as system:
        first = await system.send()
        await system.until(first, "retrying")
        await asyncio.sleep(2 * FRESH_SECONDS)  # so long a dispatcher may not have heard of it
        trace_ids = [first, *[await system.send() for _ in range(10)]]
        ended = [await system.until(each, seconds=60) for each in trace_ids]

    assert {(each["status"], each["attempts"]) for each in ended} == {("sent", 1)}
    entries = sorted(
        (datetime.fromisoformat(entry["at"]), entry["status"])
        for each in ended
        for entry in each["timeline"]
        if entry.get("provider")
    )
    if backing.ledger_url != "memory://":  # there each dispatcher has to be told once
        (first_asked, _), *later = entries
        told = next(at for at, status in later if status == "retrying")
        asked_again = next(at for at, status in later if status == "sending" and at > told)
        assert asked_again - first_asked >= timedelta(seconds=2.99)  # kept in ms


async def test_a_provider_that_never_answers_may_have_taken_it_and_exhausts_the_attempts(
    start_system,
):
    async with start_system(RETRY_SCHEDULE="0.1s") as system:
        trace_id = await system.send(user_id="silent")

        notification = await system.until(trace_id)

        assert (notification["status"], notification["reason"]) == ("failed", "ambiguous")
        assert notification["timeline"][-1]["detail"].startswith("attempts_exhausted")
        assert notification["attempts"] == 2


async def test_a_slow_channel_delays_no_other(start_system):
    settings = {"DISPATCHER_CONCURRENCY": "4", "PROVIDER_TIMEOUT_SECONDS": "10"}
    async with start_system(dispatchers="0", LEASE_SECONDS="60", **settings) as system:
        dispatcher = await system.dispatcher()
        contact = {"sms": "+15005550007", "email": "ok@sim.example"}  # no sms is ever answered
        async with system.http.put("/users/two-ways", json=contact) as answer:
            answer.raise_for_status()
        for _ in range(40):
            sms = await system.send(user_id="two-ways", channel="sms")
        await system.until(sms, "validated", "sending")
        trace_id = await system.send(user_id="two-ways", channel="email")

        await system.until(trace_id, "sent")
        os.kill(dispatcher.program.pid, signal.SIGKILL)  # it would wait for the answers


async def test_dead_letters_are_replayed_once_by_filter_after_a_dry_run(system):
    trace_ids = [await system.send(user_id="refused") for _ in range(3)]
    for trace_id in trace_ids:
        await system.until(trace_id, "failed")
    contact = {"email": "ok@sim.example"}
    async with system.http.put("/users/refused", json=contact) as answer:
        answer.raise_for_status()
    oldest = (await system.get(trace_ids[0]))["created_at"]
    planned = {"reason": "provider_rejected", "since": oldest}

    async with system.http.post("/dead-letters/replay", json=planned | {"dry_run": True}) as answer:
        dry = await answer.json()
    still_failed = [(await system.get(each))["status"] for each in trace_ids]
    async with system.http.post("/dead-letters/replay", json=planned) as answer:
        done = await answer.json()
    async with system.http.post("/dead-letters/replay", json=planned) as answer:
        again = await answer.json()
    for trace_id in trace_ids:
        await system.until(trace_id, "sent")

    assert (dry["matched"], dry["replayed"]) == (3, 0)
    assert still_failed == ["failed"] * 3
    assert done["replayed"] == 3
    assert again["replayed"] == 0
    assert [system.copies(trace_id) for trace_id in trace_ids] == [1, 1, 1]
