"""Waiting for the end of a notification whose records are in a real Redis."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

import httpx
from durable_queue.factory import open_queue
from notification_contracts.lanes import validation_lanes
from notification_ledger.redis import lua_recorder

ASKED = {"user_id": "user_test", "message": "hello"}


class Publish(Protocol):
    def __call__(
        self, broker_url: str, **settings: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


async def test_the_answer_is_the_notification_when_it_ends_in_time(
    patient_publisher: Publish, redis_url: str
) -> None:
    queue = open_queue(redis_url, recorder=lua_recorder())
    async with patient_publisher(redis_url) as client:
        waiting = asyncio.create_task(
            client.post("/notifications", json=ASKED, headers={"Prefer": "wait=30"})
        )
        [delivery] = await queue.receive(validation_lanes(), limit=1, wait=timedelta(seconds=30))
        await delivery.dead_letter("given up", b"")
        answer = await waiting
        late = await client.post("/notifications", json=ASKED, headers={"Prefer": "wait=1"})
    await queue.close()

    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert (answer.json()["trace_id"], late.status_code) == (delivery.id, 202)
