import asyncio
import contextlib

import pytest
from asyncnotify_prove.fault_log import FaultLog
from asyncnotify_prove.half_sent import HalfSentRequests


@contextlib.asynccontextmanager
async def door(handle):
    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        with contextlib.closing(writer):
            await handle(reader, writer)
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving))


async def answer_the_whole_and_hang_up(reader, writer):
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(0.5):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                await reader.readexactly(4096)


async def say_nothing(reader, _):
    with contextlib.suppress(OSError):
        await reader.read()


async def attack(url, fault_log, **seconds):
    held = HalfSentRequests(url, fault_log, **seconds)
    await held.begin()
    await held.hold()


async def test_a_gateway_with_time_limits_is_accepted():
    fault_log = FaultLog()

    async with door(answer_the_whole_and_hang_up) as url:
        await attack(url, fault_log, answer_seconds=30, hold_seconds=60)

    assert (fault_log.shut_out, fault_log.held_open) == ([], [])


@pytest.mark.timeout(180)
async def test_a_blocked_gateway_is_noted():
    fault_log = FaultLog()

    async with door(say_nothing) as url:
        await attack(url, fault_log, answer_seconds=0.2, hold_seconds=0.5)

    assert len(fault_log.shut_out) == 1
    assert len(fault_log.held_open) == 400
