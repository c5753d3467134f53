import asyncio
import collections
import signal

import aiohttp
import pytest
from testkit.patience import patient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def post_many(url, count, connections, on_progress=lambda posted: None):
    """Post notifications; return the trace ids that were promised."""
    accepted, numbers = [], iter(range(count))

    async def one_client(session):
        for number in numbers:
            body = {"user_id": "user_test", "message": f"number {number}"}
            async with session.post(f"{url}/notifications", json=body) as answer:
                assert answer.status == 202, await answer.text()
                accepted.append((await answer.json())["trace_id"])
            on_progress(len(accepted))

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, middlewares=[patient]) as session:
        await asyncio.gather(*(one_client(session) for _ in range(connections)))
    return accepted


async def test_thousands_are_sent_exactly_once_while_the_dispatcher_comes_and_goes(
    fresh_system, until
):
    system = await asyncio.to_thread(fresh_system)

    def stop_twice(posted):
        if posted in {1_200, 2_800}:
            system.signal("notification-dispatcher", signal.SIGTERM)

    accepted = await post_many(system.url, 4_000, 32, stop_twice)
    await asyncio.to_thread(until, lambda: len(system.received()) >= len(accepted), 120)

    counts = collections.Counter(line["trace_id"] for line in system.received())
    assert len(set(accepted)) == 4_000
    assert counts == collections.Counter(accepted)


async def test_killing_the_dispatcher_in_the_middle_loses_nothing(fresh_system, until):
    lease = {"LEASE_SECONDS": "5", "PROVIDER_TIMEOUT_SECONDS": "3"}
    system = await asyncio.to_thread(lambda: fresh_system(**lease))

    def kill(posted):
        if posted == 1_000:
            system.signal("notification-dispatcher", signal.SIGKILL)

    accepted = await post_many(system.url, 2_000, 32, kill)
    await asyncio.to_thread(
        until, lambda: {line["trace_id"] for line in system.received()} >= set(accepted), 120
    )

    async with aiohttp.ClientSession(system.url, middlewares=[patient]) as session:
        for trace_id in accepted[::50]:
            # The provider has it a little before that is written down.
            async with asyncio.timeout(120):
                while await status_of(session, trace_id) != "sent":
                    await asyncio.sleep(0.05)


async def status_of(session, trace_id):
    async with session.get(f"/notifications/{trace_id}") as answer:
        return (await answer.json())["status"]
