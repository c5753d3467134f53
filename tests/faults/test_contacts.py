"""What is stored about a user before a notification is accepted is what the notification meets."""

import pytest
from asyncnotify_prove.outbox import read_outbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]


async def store(system, user_id, email):
    async with system.http.put(f"/users/{user_id}", json={"email": email}) as answer:
        answer.raise_for_status()


async def test_a_new_a_changed_and_a_deleted_contact_are_seen_at_once(system):
    unknown = await system.until(await system.send(user_id="ada"))
    await store(system, "ada", "ada@example.com")
    new = await system.until(await system.send(user_id="ada"))
    await store(system, "ada", "new@example.com")
    changed = await system.until(await system.send(user_id="ada"))
    async with system.http.delete("/users/ada") as answer:
        answer.raise_for_status()
    deleted = await system.until(await system.send(user_id="ada"))

    addresses = {line["trace_id"]: line["address"] for line in read_outbox(system.harness.outbox)}
    assert (unknown["reason"], deleted["reason"]) == ("unknown_user", "unknown_user")
    assert addresses[new["trace_id"]] == "ada@example.com"
    assert addresses[changed["trace_id"]] == "new@example.com"


async def test_a_replay_after_mending_the_contact_is_sent(system):
    trace_id = await system.send(user_id="eve")
    await system.until(trace_id, "failed")
    await store(system, "eve", "eve@example.com")
    async with system.http.post(f"/dead-letters/{trace_id}/replay") as answer:
        answer.raise_for_status()

    assert (await system.until(trace_id, "sent", seconds=60))["status"] == "sent"
