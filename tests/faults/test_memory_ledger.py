"""What a publisher that keeps the records in its memory forgets, and what it must not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify_prove.faults import Fault, PlannedFault

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("backing", ["rabbitmq-memory"], indirect=True),
]


async def dead_letters(system):
    async with system.http.get("/dead-letters") as answer:
        return (await answer.json())["items"] if answer.ok else []


async def test_after_a_restart_dead_letters_are_found_and_what_waits_goes_on(start_system):
    async with start_system() as system:
        dead = await system.send(user_id="refused")
        failed = await system.until(dead, "failed")
        waiting = await system.send(send_at=(datetime.now(UTC) + timedelta(seconds=8)).isoformat())
        await system.harness.do(PlannedFault(0, Fault.KILL_PUBLISHER))

        async with asyncio.timeout(60):
            while not (found := await dead_letters(system)):
                await asyncio.sleep(0.1)
        notification = await system.until(waiting, "sent")

        assert [(each["trace_id"], each["reason"]) for each in found] == [(dead, failed["reason"])]
        assert notification["attempts"] == 1
        assert system.copies(waiting) == 1
        async with system.http.post(f"/dead-letters/{dead}/replay") as answer:
            assert answer.ok
        await system.until(dead, "failed")
