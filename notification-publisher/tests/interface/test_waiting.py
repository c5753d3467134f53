"""Clients that would rather wait for the end of a notification than come back for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery
from fastapi import FastAPI
from notification_contracts.lanes import validation_lanes
from notification_ledger.memory import MemoryLedger
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.http import asgi_client, live_server

ASKED = {"user_id": "user_test", "message": "hello"}
WAIT = {"Prefer": "wait=30"}
UNTIL_THEN = 60

Take = Callable[[], Awaitable[Delivery]]


@pytest.fixture
def app(queue: InMemoryQueue, ledger: MemoryLedger) -> FastAPI:
    settings = PublisherSettings(broker_url="memory://", allow_volatile=True, max_streams=2)
    return build(settings, queue=queue, ledger=ledger)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asgi_client(app) as client:
        yield client


@pytest.fixture
def taken(queue: InMemoryQueue, take: Take) -> Take:
    """Take the next notification as soon as it is there."""

    async def when_there() -> Delivery:
        async with asyncio.timeout(UNTIL_THEN):
            while not sum(
                depth.waiting for depth in (await queue.depths(validation_lanes())).values()
            ):
                await asyncio.sleep(0.01)
        return await take()

    return when_there


def send(client: httpx.AsyncClient, **headers: str) -> asyncio.Task[httpx.Response]:
    headers = WAIT | headers
    return asyncio.create_task(client.post("/notifications", json=ASKED, headers=headers))


async def test_the_answer_is_the_notification_when_it_ends_in_time(
    client: httpx.AsyncClient, taken: Take
) -> None:
    waiting = send(client)
    delivery = await taken()
    assert not waiting.done()
    await delivery.dead_letter("given up", b"")
    answer = await waiting
    shown = answer.json()

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait")
    assert answer.headers["Location"] == shown["status_url"]
    assert (shown["trace_id"], shown["status"]) == (delivery.id, "failed")
    assert (await client.get(shown["status_url"])).json() == {
        name: value for name, value in shown.items() if name != "status_url"
    }


async def test_it_is_202_when_the_time_is_over(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notifications", json=ASKED, headers={"Prefer": "wait=1"})

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait")
    assert answer.json().keys() == {"trace_id", "status", "status_url"}


async def test_a_repetition_waits_for_the_same_notification(
    client: httpx.AsyncClient, taken: Take
) -> None:
    key = {"Idempotency-Key": "k"}
    first = await client.post("/notifications", json=ASKED, headers=key)
    again = send(client, **key)
    delivery = await taken()
    assert not again.done()
    await delivery.dead_letter("given up", b"")
    ended = await again
    later = await send(client, **key)

    assert (first.status_code, ended.status_code, later.status_code) == (202, 200, 200)
    assert ended.headers["Idempotent-Replayed"] == later.headers["Idempotent-Replayed"] == "true"
    assert len({each.json()["trace_id"] for each in (first, ended, later)}) == 1


async def test_who_finds_no_room_is_answered_at_once_and_room_is_left_for_streams(
    client: httpx.AsyncClient, taken: Take
) -> None:
    waiting = send(client)
    delivery = await taken()
    full = await client.post("/notifications", json=ASKED, headers=WAIT)
    shown = await client.get(full.headers["Location"], headers=WAIT)
    async with asyncio.timeout(UNTIL_THEN):
        await delivery.dead_letter("given up", b"")
        await waiting
    room_again = await client.post("/notifications", json=ASKED, headers={"Prefer": "wait=1"})

    assert (full.status_code, shown.status_code) == (202, 200)
    assert "preference-applied" not in {**full.headers, **shown.headers}
    assert "preference-applied" in room_again.headers


async def test_it_is_202_when_the_service_stops(
    app: FastAPI, client: httpx.AsyncClient, taken: Take
) -> None:
    waiting = send(client)
    await taken()
    app.state.stopping.set()
    async with asyncio.timeout(UNTIL_THEN):
        answer = await waiting

    assert answer.status_code == 202


async def test_a_client_that_goes_away_gives_its_room_back(app: FastAPI, taken: Take) -> None:
    async with live_server(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        waiting = send(client)
        await taken()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        async with asyncio.timeout(UNTIL_THEN):
            while True:
                short = {"Prefer": "wait=1"}
                answer = await client.post("/notifications", json=ASKED, headers=short)
                if "Preference-Applied" in answer.headers:
                    break


async def test_one_that_is_there_can_be_waited_for(client: httpx.AsyncClient, taken: Take) -> None:
    place = (await client.post("/notifications", json=ASKED)).headers["Location"]
    delivery = await taken()
    waiting = asyncio.create_task(client.get(place, headers=WAIT))
    await asyncio.sleep(0)
    await delivery.dead_letter("given up", b"")
    answer = await waiting

    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.headers["Preference-Applied"] == "wait"


@pytest.mark.parametrize("preference", ["wait=0", "wait", "wait=-1", "wait=x", "wait=1.5", "", "é"])
async def test_what_can_not_be_understood_is_passed_over(
    client: httpx.AsyncClient, preference: str
) -> None:
    headers = {b"Prefer": preference.encode()}
    answer = await client.post("/notifications", json=ASKED, headers=headers)

    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
