"""What only shows on a real socket: framing, limits and early ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from service_kit.http import protocol
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.limits import ServerLimits
from testkit.http import live_server

router = APIRouter()


@router.post("/echo")
async def echo(request: Request) -> Response:
    return Response(await read_body(request))


@router.post("/deaf")
async def deaf() -> Response:
    return Response("not listening")


@router.get("/events")
async def events() -> Response:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: tick\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(ticks(), media_type="text/event-stream")


@router.get("/half")
async def half() -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("boom")

    return StreamingResponse(parts())


@pytest.fixture
def app() -> FastAPI:
    return build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={},
        checks={},
        admission=Admission(max_body_bytes=1000),
    )


HEALTH = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


def chunked(size: int) -> bytes:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)


async def test_a_chunked_body_is_taken_up_to_the_limit(dial):
    wire = await dial()
    await wire.send(chunked(1000))

    status, _, body = await wire.answer()
    assert (status, len(body)) == (200, 1000)


@pytest.mark.parametrize("size", [1001, 500_000])
async def test_the_connection_is_fit_for_more_after_too_large_a_chunked_body(dial, size):
    wire = await dial()
    await wire.send(chunked(size) + HEALTH)

    status, headers, body = await wire.answer()
    assert (status, json.loads(body)["code"]) == (413, "body_too_large")
    assert headers[b"content-type"] == b"application/problem+json"
    assert (await wire.answer())[0] == 200


async def test_the_connection_is_fit_for_more_after_too_large_a_declared_body(dial):
    wire = await dial()
    await wire.send(b"POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
    assert (await wire.answer())[0] == 413

    await wire.send(b"x" * 300_000 + HEALTH)
    assert (await wire.answer())[0] == 200


async def test_a_client_that_asks_first_is_refused_before_it_sends(dial):
    wire = await dial()
    await wire.send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    )

    status, headers, _ = await wire.answer()
    assert (status, headers[b"connection"]) == (413, b"close")
    assert await wire.rest() == b""


async def test_a_client_that_asks_first_is_told_to_go_on(dial):
    wire = await dial()
    await wire.send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert (await wire.answer())[0] == 100

    await wire.send(b"ok")
    assert (await wire.answer())[2] == b"ok"


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nxx",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["no HTTP", "length", "two lengths", "length and chunks", "header", "path", "CONNECT", "2"],
)
async def test_what_can_not_be_parsed_is_a_problem_and_the_end(dial, request_):
    wire = await dial()
    await wire.send(request_)

    status, headers, body = await wire.answer()
    assert (status, headers[b"connection"]) == (400, b"close")
    assert headers[b"content-type"] == b"application/problem+json"
    assert json.loads(body)["code"] == "bad_request"
    assert await wire.rest() == b""


async def test_a_head_without_an_end_is_given_up(dial):
    wire = await dial()
    await wire.send(b"GET /health/live HTTP/1.1\r\nX-Long: ")
    for _ in range(protocol.MAX_HEAD_BYTES // 1024):
        await wire.send(b"a" * 1024)

    status, _, body = await wire.answer()
    assert (status, json.loads(body)["code"]) == (431, "head_too_large")


async def test_pipelined_requests_are_not_taken_for_a_long_head(dial, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_HEAD_BYTES", 1024)
    wire = await dial()
    many = 3 * protocol.MAX_HEAD_BYTES // len(HEALTH)
    sending = asyncio.create_task(wire.send(HEALTH * many))

    statuses = {(await wire.answer())[0] for _ in range(many)}
    await sending
    assert statuses == {200}


async def test_a_connection_on_which_nothing_comes_is_closed(app):
    async with live_server(app, limits=ServerLimits(head=timedelta(milliseconds=20))) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))

        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()


async def test_head_has_the_headers_of_get_and_no_body(dial):
    wire = await dial()
    await wire.send(b"HEAD /health/live HTTP/1.1\r\nHost: a\r\n\r\n" + HEALTH)

    head = await wire._reader.readuntil(b"\r\n\r\n")
    assert b"content-length: 15" in head
    assert (await wire.answer())[0] == 200


async def test_head_of_an_endless_stream_ends(dial):
    wire = await dial()
    await wire.send(b"HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await wire.answer())[0] == 200

    await wire.send(HEALTH)
    assert (await wire.answer())[0] == 200


async def test_a_crash_in_the_middle_of_an_answer_cuts_it_off(dial, logged):
    wire = await dial()
    await wire.send(b"GET /half HTTP/1.1\r\nHost: a\r\n\r\n")

    said = await wire.rest()
    assert said.endswith(b"\r\n5\r\nbegun\r\n")
    assert len([line for line in logged() if "exception" in line]) == 1


async def test_half_a_body_is_no_crash(app, logged):
    async with live_server(app) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(60):
            while not logged():
                await asyncio.sleep(0.01)

    assert [(line["event"], line["status"]) for line in logged()] == [("request.served", 499)]
