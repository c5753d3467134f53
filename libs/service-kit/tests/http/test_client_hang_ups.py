"""Kept connections that turn out to be closed."""

import asyncio
import socket
import struct

import pytest
from service_kit.http.client import UpstreamUnavailable
from testkit.scripts import read_request

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def reset(writer: asyncio.StreamWriter) -> None:
    """Hang up with a reset instead of an orderly end."""
    linger_for_nothing = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing
    )
    writer.close()


HANG_UPS = {"orderly": lambda writer: writer.close(), "reset": reset}


@pytest.fixture(params=HANG_UPS)
async def forgetful(request, scripted) -> tuple[str, list[bytes]]:
    """A server that hangs up when the first connection brings a second request."""
    seen: list[bytes] = []

    async def script(reader, writer):
        seen.append(await read_request(reader))
        writer.write(EMPTY)
        if len(seen) == 1:
            seen.append(await read_request(reader))
            HANG_UPS[request.param](writer)
        await reader.read()

    return await scripted(script), seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_a_repeatable_method_survives_a_closed_connection(forgetful, method, client_of):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        answer = await client.request(method, "/second", body=b"x" if method == "PUT" else None)

    assert (answer.status, answer.is_repeat) == (200, True)
    assert len(seen) == 3


async def test_a_post_with_an_idempotency_key_survives_a_closed_connection(forgetful, client_of):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        answer = await client.request(
            "POST", "/second", headers={"Idempotency-Key": "k"}, body=b"the body"
        )

    assert answer.status == 200
    assert [request.endswith(b"the body") for request in seen] == [False, True, True]


async def test_a_post_without_a_key_is_never_repeated(forgetful, client_of):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/second", body=b"x")

    assert caught.value.sent is True
    assert len(seen) == 2


async def test_a_repetition_that_is_refused_may_still_have_been_sent_before(scripted, client_of):
    seen: list[bytes] = []

    async def script(reader, writer):
        seen.append(await read_request(reader))

    async with client_of(await scripted(script)) as client:
        with pytest.raises(UpstreamUnavailable) as caught:
            await client.request("POST", "/", headers={"idempotency-key": "k"}, body=b"x")

    assert caught.value.sent is True
    assert len(seen) == 2
