"""`Prefer: wait` at the gateway: accepted first, and then waited for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from gateway.main import build
from gateway.settings import GatewaySettings
from starlette.types import Receive, Scope, Send
from testkit.http import asgi_client, live_server

ACCEPTED = {"trace_id": "t", "status": "queued", "status_url": "/notifications/t"}
WAIT = {"Prefer": "respond-async, Wait=30"}
UNTIL_THEN = 60


class Publisher:
    """A publisher that accepts, and whose one notification is `sent` when the test says so."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.looks: list[str] = []
        self.posts = 0
        self.is_broken = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        prefer = dict(scope["headers"]).get(b"prefer", b"").decode()
        if scope["method"] == "POST":
            assert not prefer
            self.posts += 1
            await self._answer(send, 202, ACCEPTED)
            return
        if prefer:
            self.looks.append(prefer)
            await self.ended.wait()
        status = "sent" if self.ended.is_set() else "queued"
        found = {"trace_id": "t", "status": status, "timeline": []}
        await self._answer(send, 500 if self.is_broken else 200, found)

    async def _answer(self, send: Send, status: int, body: dict[str, Any]) -> None:
        headers = [(b"content-type", b"application/json"), (b"location", b"/notifications/t")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def gateway(publisher: Publisher) -> AsyncIterator[FastAPI]:
    async with live_server(publisher) as url:
        settings = GatewaySettings(publisher_url=url, upstream_max_connections=1)
        yield build(settings, max_streams=2)
        publisher.ended.set()


@pytest.fixture
async def client(gateway: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asgi_client(gateway) as client:
        yield client


def post(client: httpx.AsyncClient) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(client.post("/notifications", json={}, headers=WAIT))


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(UNTIL_THEN):
        while not happened():
            await asyncio.sleep(0.01)


async def test_the_answer_is_the_notification_when_it_ends_in_time(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    waiting = post(client)
    await until(lambda: publisher.looks)
    assert not waiting.done()
    publisher.ended.set()
    answer = await waiting

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait")
    assert answer.json() == ACCEPTED | {"status": "sent", "timeline": []}
    assert answer.headers["Location"] == "/notifications/t"
    assert (publisher.looks, publisher.posts) == (["wait=30"], 1)


async def test_one_that_is_there_can_be_waited_for(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    waiting = asyncio.create_task(client.get("/notifications/t", headers=WAIT))
    await until(lambda: publisher.looks)
    publisher.ended.set()
    ended = await client.get("/notifications/t", headers=WAIT)

    assert (await waiting).json() == ended.json()
    assert ended.json()["status"] == "sent"
    assert len(publisher.looks) == 1


async def test_what_is_accepted_stays_so_whatever_becomes_of_the_waiting(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    publisher.is_broken = True
    publisher.ended.set()
    answer = await client.post("/notifications", json={}, headers=WAIT)

    assert (answer.status_code, answer.json()) == (202, ACCEPTED)


async def test_it_is_202_when_the_gateway_stops(
    gateway: FastAPI, client: httpx.AsyncClient, publisher: Publisher
) -> None:
    waiting = post(client)
    await until(lambda: publisher.looks)
    gateway.state.stopping.set()
    async with asyncio.timeout(UNTIL_THEN):
        answer = await waiting

    assert (answer.status_code, answer.json()) == (202, ACCEPTED)


async def test_who_finds_no_room_is_answered_at_once(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    waiting = post(client)
    await until(lambda: publisher.looks)
    full = await client.post("/notifications", json={}, headers=WAIT)
    publisher.ended.set()

    assert full.status_code == 202
    assert "Preference-Applied" not in full.headers
    assert (await waiting).status_code == 200


async def test_whoever_waits_keeps_no_connection_from_others(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    waiting = post(client)
    await until(lambda: publisher.looks)
    async with asyncio.timeout(UNTIL_THEN):
        other = await client.get("/notifications/t")
    publisher.ended.set()

    assert other.json()["status"] == "queued"
    assert (await waiting).status_code == 200


async def test_without_the_preference_nothing_waits(
    client: httpx.AsyncClient, publisher: Publisher
) -> None:
    answer = await client.post("/notifications", json={})

    assert answer.status_code == 202
    assert not publisher.looks
