"""Answers that are read as they come."""

import asyncio
from datetime import timedelta

import pytest
from asyncnotify.local.ports import free_port
from service_kit.http.client import UpstreamTimeout, UpstreamUnavailable
from testkit.scripts import read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOON = timedelta(seconds=1)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_a_stream_gives_each_chunk_as_it_comes(scripted, client_of):
    go_on = asyncio.Event()

    async def script(reader, writer):
        assert (await read_request(reader)).startswith(b"GET /events?after=1 ")
        writer.write(STREAM + b"3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events", query="after=1") as stream,
    ):
        first = await anext(stream.chunks)
        go_on.set()
        rest = [chunk async for chunk in stream.chunks]

    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert (first, rest) == (b"one", [b"two"])


async def test_a_stream_that_breaks_off_is_an_error_not_an_end(scripted, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert await anext(stream.chunks) == b"one"
        with pytest.raises(UpstreamUnavailable):
            await anext(stream.chunks)


async def test_a_silent_stream_is_a_timeout(scripted, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")
        await reader.read()

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events", idle_timeout=SOON) as stream,
    ):
        await anext(stream.chunks)
        with pytest.raises(UpstreamTimeout):
            await anext(stream.chunks)


async def test_a_stream_outlives_the_time_limit_of_requests(scripted, client_of):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM)
        for _ in range(12):
            writer.write(b"1\r\nx\r\n")
            await asyncio.sleep(SOON.total_seconds() / 10)
        writer.write(b"0\r\n\r\n")

    async with (
        client_of(await scripted(script), timeout=SOON) as client,
        client.stream("GET", "/events") as stream,
    ):
        assert b"".join([chunk async for chunk in stream.chunks]) == b"x" * 12


async def test_a_stream_that_can_not_be_opened_is_unavailable(client_of):
    async with client_of(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            async with client.stream("GET", "/events"):
                pass

    assert caught.value.sent is False


async def test_leaving_a_stream_hangs_up(scripted, client_of):
    left = asyncio.Event()

    async def script(reader, writer):
        await read_request(reader)
        writer.write(STREAM + b"3\r\none\r\n")
        await reader.read()
        left.set()

    async with client_of(await scripted(script)) as client:
        async with client.stream("GET", "/events") as stream:
            await anext(stream.chunks)
        async with asyncio.timeout(60):
            await left.wait()


async def test_watchers_never_block_requests(scripted, client_of):
    async def script(reader, writer):
        if b"/events" in await read_request(reader):
            writer.write(STREAM + b"3\r\none\r\n")
            await reader.read()
        writer.write(OK)

    url = await scripted(script)
    async with (
        client_of(url, max_connections=1) as client,
        client.stream("GET", "/events") as one,
        client.stream("GET", "/events") as two,
    ):
        await anext(one.chunks)
        await anext(two.chunks)
        assert (await client.request("GET", "/")).body == b"ok"


async def test_a_stream_is_never_far_ahead_of_its_reader(scripted, client_of):
    written = 0

    async def script(reader, writer):
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        while written < 50_000_000:
            writer.write(b"x" * 100_000)
            written += 100_000
            await writer.drain()

    async with (
        client_of(await scripted(script)) as client,
        client.stream("GET", "/events") as stream,
    ):
        await asyncio.sleep(0.1)
        ahead = written
        size = sum([len(chunk) async for chunk in stream.chunks])

    assert ahead < 40_000_000
    assert size == 50_000_000
