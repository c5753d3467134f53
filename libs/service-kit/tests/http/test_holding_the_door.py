"""Clients that hold connections and do nothing with them, on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.limits import ServerLimits
from testkit.http import live_server

# A timeout of the server is what these wait for, so the tests' own is far beyond any of them.
CEILING = 30
LONG = timedelta(hours=1)
SHORT = timedelta(milliseconds=100)
PATIENT = ServerLimits(connections=8, reserve=2, head=LONG, body=LONG, idle=LONG, stalled=LONG)

HEALTH = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok"
HALF_HEAD = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
BUSY = b"GET /busy HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """One connection, written and read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        async with asyncio.timeout(CEILING):
            return int((await self.reader.readuntil(b"\r\n\r\n")).split()[1])

    async def rest(self) -> bytes:
        """What else comes until the server hangs up."""
        async with asyncio.timeout(CEILING):
            with suppress(ConnectionError):
                return await self.reader.read()
        return b""


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()
    app = build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={},
        checks={},
        admission=Admission(for_operators=("/operator",)),
    )
    app.state.release = asyncio.Event()

    async def echo(request: Request) -> Response:
        return Response(await read_body(request))

    async def busy() -> Response:
        await app.state.release.wait()
        return Response("done")

    async def flood() -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    app.post("/echo")(echo)
    app.get("/busy")(busy)
    app.get("/operator/busy")(echo)
    app.get("/flood")(flood)
    return app


@pytest.fixture
async def door(app) -> AsyncIterator[Callable[..., object]]:
    """Open a server with limits; call what it gives for a connection."""
    async with AsyncExitStack() as stack:

        async def start(limits: ServerLimits) -> Callable[[], object]:
            url = await stack.enter_async_context(live_server(app, limits=limits))
            host, port = url.removeprefix("http://").split(":")

            async def dial(first: bytes = b"") -> Client:
                client = Client(*await asyncio.open_connection(host, int(port)))
                stack.callback(client.writer.close)
                if first:
                    await client.send(first)
                return client

            return dial

        yield start
        app.state.release.set()


def limits(**changes: Any) -> ServerLimits:
    return replace(ServerLimits(head=LONG, body=LONG, idle=LONG, stalled=LONG), **changes)


@pytest.mark.parametrize(
    ("sent", "which"), [(HALF_HEAD, "head"), (HALF_BODY, "body")], ids=["head", "body"]
)
async def test_half_a_request_is_given_up_with_a_408(door, sent, which):
    dial = await door(limits(**{which: SHORT}))
    client = await dial(sent)

    assert await client.status() == 408
    document = json.loads(await client.rest())
    assert (document["code"], document["status"]) == ("request_timeout", 408)
    assert document["detail"]
    assert document["request_id"]


async def test_a_byte_now_and_then_does_not_keep_half_a_head_alive(door):
    dial = await door(limits(head=timedelta(seconds=0.5)))
    client = await dial(HALF_HEAD)
    dripping = asyncio.create_task(drip(client))

    assert await client.status() == 408
    dripping.cancel()


async def drip(client: Client) -> None:
    with suppress(ConnectionError):
        while True:
            await client.send(b"a")
            await asyncio.sleep(0.02)


async def test_the_second_request_on_a_connection_has_no_more_time_than_the_first(door):
    dial = await door(limits(head=SHORT))
    client = await dial(POST)
    assert await client.status() == 200
    await client.reader.readexactly(2)
    await client.send(HALF_HEAD)

    assert await client.status() == 408


@pytest.mark.parametrize("first", [b"", POST], ids=["new", "used"])
async def test_an_idle_connection_is_closed(door, first):
    dial = await door(limits(idle=SHORT, head=SHORT if not first else LONG))
    client = await dial(first)
    if first:
        assert await client.status() == 200

    assert await client.rest() in {b"", b"ok"}


async def test_who_does_not_read_is_hung_up_on(door):
    dial = await door(limits(stalled=SHORT))
    client = await dial()
    client.writer.transport.pause_reading()
    await client.send(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")

    await hung_up(client)


async def hung_up(client: Client) -> None:
    """Wait until the server has reset the connection, without reading from it."""
    async with asyncio.timeout(CEILING):
        with suppress(ConnectionError):
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.02)


async def test_a_request_that_takes_us_long_is_not_given_up(door, app):
    dial = await door(limits(head=SHORT, body=SHORT, idle=SHORT, stalled=SHORT))
    client = await dial(BUSY + HALF_HEAD)
    await asyncio.sleep(0.5)
    app.state.release.set()

    assert await client.status() == 200
    await client.reader.readexactly(4)
    assert await client.status() == 408


@pytest.mark.parametrize("held", [b"", HALF_HEAD, HALF_BODY], ids=["idle", "head", "body"])
async def test_connections_that_hold_a_place_give_way(door, held):
    dial = await door(PATIENT)
    holders = [await dial(held) for _ in range(PATIENT.connections + PATIENT.reserve)]
    await asyncio.sleep(1.1)

    for _ in range(PATIENT.connections):
        client = await dial(POST)
        assert await client.status() == 200

    assert await holders[0].rest() == b""


async def test_while_all_are_busy_only_health_and_operators_are_answered(door):
    dial = await door(PATIENT)
    for _ in range(PATIENT.connections):
        await dial(BUSY)
    await asyncio.sleep(0.2)

    refused, alive = await dial(POST), await dial(HEALTH)
    assert await refused.status() == 503
    assert json.loads(await refused.rest())["code"] == "too_many_connections"
    assert await alive.status() == 200
    assert b'"ok"' in await alive.rest()
    operator = await dial(HEALTH.replace(b"/health/live", b"/operator/busy"))
    assert await operator.status() == 200


async def test_beyond_the_reserve_too_it_says_that_it_is_full(door):
    dial = await door(PATIENT)
    for _ in range(PATIENT.connections):
        await dial(BUSY)
    await asyncio.sleep(0.2)
    for _ in range(PATIENT.reserve):
        await dial()

    beyond = await dial()
    said = await beyond.rest()
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in said


async def test_a_place_that_was_left_is_given_to_the_next(door):
    dial = await door(PATIENT)
    for _ in range(5 * PATIENT.connections):
        client = await dial(POST)
        assert await client.status() == 200
        client.writer.close()
        await client.writer.wait_closed()
