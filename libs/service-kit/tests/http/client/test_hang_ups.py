"""Kept connections that turn out to be closed."""

import asyncio
import contextlib
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


async def test_a_post_that_changes_nothing_survives_a_closed_connection(forgetful, client_of):
    url, seen = forgetful
    async with client_of(url) as client:
        await client.request("POST", "/first")
        answer = await client.request("POST", "/second", body=b"the question", is_safe=True)

    assert (answer.status, answer.is_repeat) == (200, True)
    assert [request.endswith(b"the question") for request in seen] == [False, True, True]


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


async def test_a_restarted_upstream_is_asked_on_new_connections(client_of):
    """Nothing is lost and nothing doubled: not even without a key."""
    seen: list[bytes] = []
    served: set[asyncio.StreamWriter] = set()

    async def serve(reader, writer):
        served.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                seen.append((await read_request(reader)).rpartition(b"\r\n")[2])
                writer.write(EMPTY)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with client_of(f"http://127.0.0.1:{port}") as client:
        for restart in range(3):
            bodies = [b"%d/%d" % (restart, n) for n in range(20)]
            await asyncio.gather(*(client.request("POST", "/", body=body) for body in bodies))
            assert sorted(seen) == sorted(bodies)
            seen.clear()
            server.close()
            while served:
                served.pop().close()
            await asyncio.sleep(0.02)
            server = await asyncio.start_server(serve, "127.0.0.1", port)
    server.close()


async def test_who_waits_gets_the_place_of_a_connection_that_broke(scripted, client_of):
    async def script(reader, writer):
        while b"/break" not in await read_request(reader):
            writer.write(EMPTY)

    async with client_of(await scripted(script), max_connections=1) as client:
        outcomes = await asyncio.gather(
            client.request("POST", "/break"),
            *(client.request("POST", "/") for _ in range(5)),
            return_exceptions=True,
        )

    assert isinstance(outcomes[0], UpstreamUnavailable)
    assert [answer.status for answer in outcomes[1:]] == [200] * 5
