"""How answers end when the server stops, or the client leaves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import StreamingResponse
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient, UpstreamUnavailable
from testkit.http import live_server

router = APIRouter()


@router.get("/events")
async def events() -> Response:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: tick\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(ticks(), media_type="text/event-stream")


@router.get("/download")
async def download() -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"part "
            await asyncio.sleep(0.02)

    return StreamingResponse(parts(), media_type="application/zip")


@pytest.fixture
def app() -> FastAPI:
    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})


async def test_an_event_stream_ends_tidily_when_the_server_stops(app):
    async with live_server(app) as url:
        client = UpstreamClient(url)
        async with client.stream("GET", "/events") as stream:
            await anext(stream.chunks)
            app.state.stopping.set()

            async with asyncio.timeout(60):
                rest = [chunk async for chunk in stream.chunks]
        await client.stop()

    assert set(rest) <= {b"data: tick\n\n"}


async def test_an_answer_that_has_an_end_is_finished_when_the_server_stops(app):
    async with live_server(app) as url:
        client = UpstreamClient(url)
        async with client.stream("GET", "/download") as stream:
            await anext(stream.chunks)
            app.state.stopping.set()
            rest = b"".join([chunk async for chunk in stream.chunks])
        await client.stop()

    assert rest == b"part " * 9


async def test_a_stream_whose_client_left_is_stopped(app, logged):
    async with live_server(app) as url:
        client = UpstreamClient(url)
        async with client.stream("GET", "/events") as stream:
            await anext(stream.chunks)
        await client.stop()
        async with asyncio.timeout(60):
            while not any(line["event"] == "request.served" for line in logged()):
                await asyncio.sleep(0.01)

    assert not [line for line in logged() if line["level"] == "error"]


async def test_a_stopped_server_refuses():
    app = build_app(service="kit", title="Kit", routers=[], problems={}, checks={})
    async with live_server(app) as url:
        pass

    client = UpstreamClient(url)
    with pytest.raises(UpstreamUnavailable):
        await client.request("GET", "/health/live")
    await client.stop()
