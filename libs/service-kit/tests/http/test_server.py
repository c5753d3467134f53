"""`serve`, as a process of its own that is told to stop."""

import asyncio
import signal
import socket
from contextlib import suppress

import httpx
import pytest
from asyncnotify.local.ports import free_port


async def test_it_says_where_it_listens_and_answers_there(run):
    process = await run(0)
    url = (await process.until("service.ready"))["url"]

    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(f"{url}/health/live")).json() == {"status": "ok"}


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_all_addresses_are_those_of_both_families(run):
    process = await run(0, host="::")
    url = httpx.URL((await process.until("service.ready"))["url"])

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        for host in ("127.0.0.1", "::1"):
            answer = await client.get(url.copy_with(host=host, path="/health/live"))
            assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_signal_does_not_change_how_it_exits_once_it_has_stopped(run, workers):
    process = await run(0, workers=workers)
    await process.until("service.ready")
    process.tell(signal.SIGTERM)
    await process.until("service.stopped")
    ending = asyncio.create_task(process.ended())
    with suppress(ProcessLookupError):
        while not ending.done():
            process.tell(signal.SIGTERM)
            await asyncio.sleep(0.001)

    assert await ending == 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_however_often_stops_it_in_good_order(run, told):
    process = await run(0)
    await process.until("service.ready")
    process.tell(told)
    for pause_s in (0.15, 0.1):
        await asyncio.sleep(pause_s)
        with suppress(ProcessLookupError):  # it has stopped by now
            process.tell(told)

    assert await process.ended() == 0
    assert process.events == ["door.opened", "service.ready", "door.closed", "service.stopped"]


async def test_what_is_running_is_finished_before_anything_is_closed(run):
    process = await run(0)
    url = (await process.until("service.ready"))["url"]
    async with httpx.AsyncClient(timeout=60) as client:
        slow = asyncio.create_task(client.get(f"{url}/slow"))
        await process.until("slow.begun")
        process.tell(signal.SIGTERM)

        assert (await slow).text == "worth the wait"
    assert await process.ended() == 0
    assert process.events[-3:] == ["request.served", "door.closed", "service.stopped"]


async def test_a_taken_port_is_one_clear_line(run):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        process = await run(port)

        assert await process.ended() == 1
    said = await process.said_on_stderr()
    assert said == f"kit: can't listen on 127.0.0.1:{port}: Address already in use\n"
    assert process.lines == []


async def test_a_resource_that_does_not_start_ends_the_process(run):
    process = await run(0, "stuck")

    assert await process.ended() == 1
    assert process.lines[0]["event"] == "service.start_failed"
    assert process.lines[0]["error"] == "the door is stuck"
    assert "service.ready" not in process.events


async def test_a_stop_that_hangs_is_cut_short(run):
    process = await run(0, "hangs")
    await process.until("service.ready")
    process.tell(signal.SIGTERM)

    assert await process.ended() == 1
    assert process.events[-1] == "service.stop_cut_short"
