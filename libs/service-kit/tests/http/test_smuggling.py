"""Requests that two servers on the way could read in two ways, so that one hides within another."""

import json

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body

POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKS = b"\r\n5\r\nhello\r\n0\r\n\r\n"
HIDDEN = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"


router = APIRouter()


@router.post("/echo")
async def echo(request: Request) -> Response:
    return Response(await read_body(request))


@pytest.fixture
def app() -> FastAPI:
    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" + CHUNKS,
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        POST + b"Content-Length: 5, 5\r\n\r\nhello",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length: 0x5\r\n\r\nhello",
        POST + b"Content-Length : 5\r\n\r\nhello",
        POST + b"Transfer-Encoding : chunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: xchunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: \x0bchunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: chunked, identity\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        POST + b"Transfer-Encoding: gzip, chunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
        POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello" + HIDDEN,
        POST + b"X: a\r\n Content-Length: 5\r\n\r\nhello",
        POST + b"X: a\rContent-Length: 5\r\n\r\nhello",
        POST + b"X: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /echo HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello",
        b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(dial, request_):
    wire = await dial()
    await wire.send(request_ + b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    status, headers, body = await wire.answer()
    assert (status, headers[b"content-type"]) == (400, b"application/problem+json")
    # Where it ends is certain, or nothing more is read.
    after = await wire.rest()
    assert after == b"" or (json.loads(body)["code"] != "bad_request" and b" 200 " in after)


async def test_more_headers_than_anybody_needs_are_refused(dial):
    wire = await dial()
    many = b"".join(b"X-%d: a\r\n" % number for number in range(100))
    await wire.send(HIDDEN.replace(b"\r\n\r\n", b"\r\n" + many + b"\r\n"))

    status, _, body = await wire.answer()
    assert (status, json.loads(body)["code"]) == (431, "too_many_headers")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("name", [b"Upgrade", b"UPGRADE"])
async def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_read(dial, name, protocol):
    wire = await dial()
    offer = b"Connection: Upgrade, HTTP2-Settings\r\n%b: %b\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = b"\r\nUpgrade: x"
    asked = POST + offer % (name, protocol) + b"Content-Length: %d\r\n\r\n" % len(body) + body
    await wire.send(asked + HIDDEN)

    assert (await wire.answer())[::2] == (200, body)
    assert (await wire.answer())[0] == 200


async def test_an_offer_that_comes_in_pieces_never_loses_a_body_silently(dial):
    wire = await dial()
    await wire.send(POST + b"Connection: Upgrade\r\nUpg")
    await wire.send(b"rade: h2c\r\nContent-Length: 2\r\n\r\nhi")

    # The network may have put the pieces together again.
    status, _, body = await wire.answer()
    assert status == 400 or body == b"hi"
