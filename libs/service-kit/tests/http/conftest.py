import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
from service_kit.http.client import UpstreamClient
from testkit.http import live_server
from testkit.logs import LoggedLines, captured_logs
from testkit.scripts import Script, scripted_server


class Wire:
    """One connection, written and read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        line, *pairs = head.rstrip().split(b"\r\n")
        headers = dict(pair.lower().split(b": ", 1) for pair in pairs)
        body = await self._reader.readexactly(int(headers.get(b"content-length", b"0")))
        return int(line.split()[1]), headers, body

    async def rest(self) -> bytes:
        return await self._reader.read()


@pytest.fixture(autouse=True)
def logged() -> Iterator[LoggedLines]:
    """Capture what is logged; call it for the lines."""
    with captured_logs("kit") as lines:
        yield lines


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[[Script], Awaitable[str]]]:
    """Start servers that do what a script says; call it for a base url."""
    async with AsyncExitStack() as servers:

        async def start(script: Script) -> str:
            return await servers.enter_async_context(scripted_server(script))

        yield start


@pytest.fixture
def client_of() -> Callable[..., AbstractAsyncContextManager[UpstreamClient]]:
    """Open clients of a base url, for a block."""

    @asynccontextmanager
    async def open_client(url: str, **options) -> AsyncIterator[UpstreamClient]:
        client = UpstreamClient(url, **options)
        await client.start()
        try:
            yield client
        finally:
            await client.stop()

    return open_client


@pytest.fixture
async def dial(app) -> AsyncIterator[Callable[[], Awaitable[Wire]]]:
    """Connect to a server of the test's own `app`."""
    writers: list[asyncio.StreamWriter] = []
    async with live_server(app) as url:
        host, port = url.removeprefix("http://").split(":")

        async def connect() -> Wire:
            reader, writer = await asyncio.open_connection(host, int(port))
            writers.append(writer)
            return Wire(reader, writer)

        yield connect
        for writer in writers:
            writer.close()
