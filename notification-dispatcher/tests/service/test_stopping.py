import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from asyncnotify.local.ports import free_port
from notification_contracts.lanes import delivery_lanes, validation_lanes
from testkit.http import live_server


@pytest.fixture
async def process(redis_url, user_service, outbox):
    """Run the dispatcher as a process of its own, on a real Redis."""

    @asynccontextmanager
    async def run(**settings):
        port = free_port()
        async with live_server(user_service.app()) as url:
            environment = {
                "BROKER_URL": redis_url,
                "USER_SERVICE_URL": url,
                "FAKE_OUTBOX": str(outbox.path),
                "DISPATCHER_PORT": str(port),
            }
            started = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "notification_dispatcher",
                env=os.environ | environment | settings,
                stdout=asyncio.subprocess.DEVNULL,
            )
            try:
                await until_it_answers(f"http://127.0.0.1:{port}/health/ready")
                yield started
            finally:
                if started.returncode is None:
                    started.kill()
                    await started.wait()

    return run


async def until_it_answers(url):
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http, asyncio.timeout(60):
        while True:
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def test_a_stop_finishes_what_was_begun_and_hands_back_the_rest_at_once(
    process, send_on_redis, user_service, outbox
):
    send = send_on_redis
    user_service.users["slow"] = {"push": "sim-slow-5s"}
    async with process(DISPATCHER_CONCURRENCY="3") as dispatcher:
        sent = [await send("slow") for _ in range(10)]
        async with asyncio.timeout(60):
            while [(await send.ledger.get(each)).status for each in sent].count("sending") < 3:
                await asyncio.sleep(0.02)
        dispatcher.send_signal(signal.SIGTERM)
        dispatcher.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            exit_code = await dispatcher.wait()

    assert exit_code == 0
    assert len(outbox.lines()) == 3
    lanes = [*delivery_lanes("push"), *validation_lanes()]
    left = await send.queue.receive(lanes, limit=32, wait=timedelta(seconds=1))
    statuses = sorted([(await send.ledger.get(each)).status for each in sent])
    assert statuses.count("sent") == 3
    assert len(left) == 7


async def test_a_stop_waits_for_the_slowest_provider(process, send_on_redis, user_service, outbox):
    send = send_on_redis
    user_service.users["slow"] = {"push": "sim-slow-18s"}
    async with process(PROVIDER_TIMEOUT_SECONDS="30") as dispatcher:
        sent = [await send("slow") for _ in range(3)]
        for trace_id in sent:
            await send.until(trace_id, "sending", seconds=60)
        dispatcher.send_signal(signal.SIGTERM)
        async with asyncio.timeout(100):
            assert await dispatcher.wait() == 0

    assert {(await send.ledger.get(each)).status for each in sent} == {"sent"}
    assert len(outbox.lines()) == 3


async def test_a_stop_without_a_broker_ends_and_loses_nothing(
    process, private_redis, send_on_private_redis, user_service
):
    send = send_on_private_redis
    user_service.users["slow"] = {"push": "sim-slow-1s"}
    brief = {
        "BROKER_URL": private_redis.url,
        "PROVIDER_TIMEOUT_SECONDS": "2",
        "LEASE_SECONDS": "5",
    }
    async with process(**brief) as dispatcher:
        sent = [await send("slow") for _ in range(3)]
        for trace_id in sent:
            await send.until(trace_id, "sending", seconds=60)
        os.kill(private_redis.pid, signal.SIGSTOP)
        dispatcher.send_signal(signal.SIGTERM)
        async with asyncio.timeout(100):
            assert await dispatcher.wait() == 0
        os.kill(private_redis.pid, signal.SIGCONT)
    async with process(**brief):
        for trace_id in sent:
            await send.until(trace_id, "sent", seconds=60)
