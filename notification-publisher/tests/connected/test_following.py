"""Following, cancelling and replaying on a real Redis, and stopping while somebody listens."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

import httpx
import pytest
from asyncnotify.local.ports import free_port
from durable_queue.factory import open_queue
from durable_queue.port import Delivery, LeaseLost, Queue
from notification_ledger.redis import lua_recorder

ASKED = {"user_id": "user_test", "message": "hello", "channel": "email"}


class Publish(Protocol):
    def __call__(
        self, broker_url: str, **settings: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    queue = open_queue(redis_url, recorder=lua_recorder())
    yield queue
    await queue.close()


async def take(queue: Queue) -> Delivery:
    (delivery,) = await queue.receive(["validation.normal"], limit=1, wait=timedelta(seconds=30))
    return delivery


async def test_a_stream_tells_what_a_worker_does_and_ends_with_it(
    served_publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with served_publisher(redis_url) as client:
        location = (await client.post("/notifications", json=ASKED)).headers["Location"]
        async with client.stream("GET", f"{location}/events") as response:
            lines = response.aiter_lines()
            told = [await anext(lines) for _ in range(5)]
            delivery = await take(queue)
            await delivery.start()
            await delivery.ack()
            told += [line async for line in lines]

    statuses = [line.split('"status":"')[1].split('"')[0] for line in told if '"status":"' in line]
    assert statuses == ["queued", "sending", "sent"]


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(
    served_publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with served_publisher(redis_url) as client:
        location = (await client.post("/notifications", json=ASKED)).headers["Location"]
        async with client.stream("GET", f"{location}/events") as response:
            ids = (line[4:] async for line in response.aiter_lines() if line.startswith("id: "))
            last_seen = await anext(ids)
            await ids.aclose()
        delivery = await take(queue)
        await delivery.start()
        await delivery.ack()

        rest = await client.get(f"{location}/events", headers={"Last-Event-ID": last_seen})
        end = [line[4:] for line in rest.text.splitlines() if line.startswith("id: ")][-1]
        nothing = await client.get(f"{location}/events", headers={"Last-Event-ID": end})

    assert rest.text.count("event: status") == 2
    assert '"status":"sent"' in rest.text
    assert nothing.status_code == 204


async def test_cancelling_and_sending_have_one_winner(
    patient_publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with patient_publisher(redis_url) as client:
        for _ in range(20):
            location = (await client.post("/notifications", json=ASKED)).headers["Location"]
            delivery = await take(queue)

            cancelled, started = await asyncio.gather(
                client.delete(location), delivery.start(), return_exceptions=True
            )

            assert isinstance(cancelled, httpx.Response)
            assert cancelled.status_code == (200 if isinstance(started, LeaseLost) else 409)


async def test_a_dead_letter_is_replayed_once_however_often_it_is_asked_for(
    patient_publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with patient_publisher(redis_url) as client:
        trace_id = (await client.post("/notifications", json=ASKED)).json()["trace_id"]
        await (await take(queue)).dead_letter("given up")

        async def asked() -> int:
            while True:  # a Redis on a busy machine may not answer in time
                answer = await client.post(f"/dead-letters/{trace_id}/replay")
                if answer.status_code != 503:
                    return answer.status_code

        async with asyncio.timeout(60):
            statuses = await asyncio.gather(*(asked() for _ in range(10)))

    assert sorted(statuses) == [202] + [409] * 9
    depth = (await queue.depths(["validation.normal"]))["validation.normal"]
    assert (depth.waiting, depth.delayed) == (1, 0)


async def test_many_dead_letters_are_replayed_by_filter(
    patient_publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with patient_publisher(redis_url, replay_per_second=10) as client:
        for _ in range(250):
            await client.post("/notifications", json=ASKED)
        while taken := await queue.receive(["validation.normal"], limit=32, wait=timedelta(0)):
            await asyncio.gather(*(delivery.dead_letter("given up") for delivery in taken))

        dry = (await client.post("/dead-letters/replay", json={"dry_run": True})).json()
        done = (await client.post("/dead-letters/replay", json={"channel": "email"})).json()
        again = (await client.post("/dead-letters/replay", json={"all": True})).json()

    assert (dry["matched"], dry["replayed"]) == (250, 0)
    assert (done["matched"], done["replayed"]) == (250, 250)
    assert (again["matched"], again["replayed"]) == (0, 0)
    depth = (await queue.depths(["validation.normal"]))["validation.normal"]
    assert (depth.waiting, depth.delayed) == (1, 249)


async def test_the_process_stops_soon_although_somebody_listens(redis_url: str) -> None:
    port = free_port()
    environment = os.environ | {
        "BROKER_URL": redis_url,
        "PUBLISHER_PORT": str(port),
        "LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notification_publisher"),
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while b"service.ready" not in await process.stdout.readline():
            pass
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        client.stream("GET", "/events") as response,
    ):
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 3000"
        process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(60):
            rest = [line async for line in lines]
            await process.communicate()

    assert {line for line in rest if not line.startswith(":")} <= {""}  # comments keep it alive
    assert process.returncode == 0
