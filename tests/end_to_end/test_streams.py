"""A thousand people look on at once, and each of them sees everything once."""

import asyncio
from contextlib import suppress

import httpx
import pytest
from asyncnotify import AsyncNotify

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.parametrize("broker", ["redis"], indirect=True, scope="module"),
]

WATCHERS = 1000
CEILING = 120


class Watcher:
    """Follows all changes, by hand: a client of a thousand streams must cost little."""

    def __init__(self, port):
        self.seen = []
        self._port = port

    async def connect(self):
        # The place of a stream that was left is free once its end has been noticed.
        while not (await self._open()).startswith(b"HTTP/1.1 200 "):
            await self._close()
        self._task = asyncio.create_task(self._read())

    async def _open(self):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        last = f"Last-Event-ID: {self.seen[-1]}\r\n" if self.seen else ""
        self._writer.write(f"GET /events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode())
        return await self._reader.readuntil(b"\r\n\r\n")

    async def _close(self):
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _read(self):
        with suppress(asyncio.IncompleteReadError):
            while True:
                # An event counts once its last byte has come; what is cut off comes again.
                event = await self._reader.readuntil(b"\n\n")
                self.seen += [
                    line[4:].decode() for line in event.split(b"\n") if line.startswith(b"id: ")
                ]

    async def leave(self):
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._close()


async def send(url, count):
    async with AsyncNotify(url, retry_seconds=CEILING) as notify:
        for _ in range(count):
            await notify.send("user_test", "hello", channel="email")


async def test_a_thousand_streams_have_no_gap_and_nothing_twice(fresh_system):
    system = await asyncio.to_thread(fresh_system)
    watchers = [Watcher(int(system.settings["GATEWAY_PORT"])) for _ in range(WATCHERS)]

    async def all_have(count):
        async with asyncio.timeout(CEILING):
            while min(len(each.seen) for each in watchers) < count:
                await asyncio.sleep(0.05)

    async with asyncio.timeout(CEILING):
        for each in watchers:
            await each.connect()
        refused = await asyncio.to_thread(
            httpx.get, f"{system.url}/events", trust_env=False, timeout=CEILING
        )
    await send(system.url, 1)
    await all_have(1)
    sending = asyncio.create_task(send(system.url, 2))
    for each in watchers[::2]:
        await each.leave()
    for each in watchers[::2]:
        await each.connect()
    await sending
    await all_have(3 * 4)  # queued, validated, sending, sent
    for each in watchers:
        await each.leave()

    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
    assert {tuple(each.seen) for each in watchers} == {tuple(watchers[0].seen)}
    assert len(watchers[0].seen) == len(set(watchers[0].seen)) == 3 * 4
